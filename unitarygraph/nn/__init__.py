"""Layers: activations, dense, convolution, batch normalization, the recurrent layer, readout.

Layers are real unless ``field="complex"`` is given; cells have the field of their parametrization,
whose own default is complex. A layer of a complex variable gives a complex variable, that of a plain
tensor, stacked in the complex field, a plain one.
"""

from unitarygraph.nn import initializers
from unitarygraph.nn.asrnn_cell import ASRNNCell
from unitarygraph.nn.aussm import AUSSM
from unitarygraph.nn.batch_norm import BatchNorm
from unitarygraph.nn.cell import Cell, RecurrentCell
from unitarygraph.nn.cgrnn_cell import CGRNNCell
from unitarygraph.nn.complex_batch_norm import ComplexBatchNorm
from unitarygraph.nn.conv2d import Conv2D
from unitarygraph.nn.delta_cell import DeltaCell
from unitarygraph.nn.dense import Dense
from unitarygraph.nn.functions import dropout, gelu
from unitarygraph.nn.goru_cell import GORUCell
from unitarygraph.nn.gru_cell import GRUCell
from unitarygraph.nn.layer_norm import LayerNorm
from unitarygraph.nn.linoss import LinOSS
from unitarygraph.nn.lru import LRU
from unitarygraph.nn.lstm_cell import LSTMCell
from unitarygraph.nn.recurrence import drive_of, readout, recurrent
from unitarygraph.nn.rms_norm import RMSNorm
from unitarygraph.nn.s5 import S5
from unitarygraph.nn.steps import run_steps
from unitarygraph.ops.activations import ACTIVATIONS, modrelu

__all__ = [
    "ACTIVATIONS",
    "AUSSM",
    "LRU",
    "S5",
    "ASRNNCell",
    "BatchNorm",
    "CGRNNCell",
    "Cell",
    "ComplexBatchNorm",
    "Conv2D",
    "DeltaCell",
    "Dense",
    "GORUCell",
    "GRUCell",
    "LSTMCell",
    "LayerNorm",
    "LinOSS",
    "RMSNorm",
    "RecurrentCell",
    "drive_of",
    "dropout",
    "gelu",
    "initializers",
    "modrelu",
    "readout",
    "recurrent",
    "run_steps",
]
