"""Layers: activations, the recurrent layer, its readout and initial values."""

from unitarygraph.nn import initializers
from unitarygraph.nn.recurrent import drive_of, readout, recurrent
from unitarygraph.ops.activations import ACTIVATIONS, modrelu

__all__ = ["ACTIVATIONS", "drive_of", "initializers", "modrelu", "readout", "recurrent"]
