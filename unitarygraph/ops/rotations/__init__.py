"""Layers of Givens rotations: `op` with its `reference` in NumPy, `array` and `graph`."""

from unitarygraph.ops.rotations.op import STYLES, Rotations, RotationsGrad, rotations

__all__ = ["STYLES", "Rotations", "RotationsGrad", "rotations"]
