"""The matrix exponential: the user's functions, the family of Ops, and how each computes."""

from unitarygraph.ops.expm.functions import expm, expm_frechet

__all__ = ["expm", "expm_frechet"]
