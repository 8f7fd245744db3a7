"""Gated recurrent unit, a baseline."""

from types import MappingProxyType

import numpy as np

from unitarygraph.models.recurrent import RecurrentModel
from unitarygraph.nn.cell import Cell
from unitarygraph.nn.gru_cell import GRUCell


class GRU(RecurrentModel):
    r"""Gated recurrent unit: gates r and z around a candidate (`unitarygraph.nn.GRUCell`).

    .. math::
        (r, z) = \sigma(h_{t-1} W_g + x_t V_g + b_g), \quad
        h_t = z \circ h_{t-1} + (1 - z) \circ \tanh((r \circ h_{t-1}) W + x_t V_c + b_c),

    outputs h U + c. V and U start Glorot uniform, each block of W_g and W Haar-orthogonal, b_g at
    `gate_bias`, other biases and the first state at zero. The norm of all gradients together is
    clipped at 1, as for the other baselines.

    Source: Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical
    machine translation", EMNLP 2014.
    """

    gate_bias: float = 0.0

    defaults = MappingProxyType({"other": {"name": "rmsprop", "learning_rate": 1e-3}, "clip": 1.0})

    def make_cell(
        self, input_size: int, rng: np.random.Generator, prefix: str, complex_input: bool
    ) -> Cell:
        """Return a `GRUCell`."""
        options = {"gate_bias": self.gate_bias, "rng": rng, "dtype": self.dtype, "prefix": prefix}
        return GRUCell(input_size, self.hidden_size, **options)
