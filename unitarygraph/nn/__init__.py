"""Layers: activations, dense, convolution, batch normalisation, the recurrent layer, readout."""

from unitarygraph.nn import initializers
from unitarygraph.nn.batch_norm import BatchNorm
from unitarygraph.nn.conv2d import Conv2D
from unitarygraph.nn.dense import Dense
from unitarygraph.nn.recurrent import drive_of, readout, recurrent
from unitarygraph.ops.activations import ACTIVATIONS, modrelu

__all__ = [
    "ACTIVATIONS",
    "BatchNorm",
    "Conv2D",
    "Dense",
    "drive_of",
    "initializers",
    "modrelu",
    "readout",
    "recurrent",
]
