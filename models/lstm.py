"""Long short-term memory, a baseline."""

from types import MappingProxyType

import numpy as np

from unitarygraph.models.recurrent import RecurrentModel
from unitarygraph.nn.cell import Cell
from unitarygraph.nn.lstm_cell import LSTMCell


class LSTM(RecurrentModel):
    r"""Long short-term memory: gates i, f and o around a cell (`unitarygraph.nn.LSTMCell`).

    .. math::
        c_t = \sigma(f) \circ c_{t-1} + \sigma(i) \circ \tanh(g), \quad
        h_t = \sigma(o) \circ \tanh(c_t),

    (i, f, g, o) the four blocks of :math:`h_{t-1} W + x_t V + b`; outputs h U + c. V and U start
    Glorot uniform, each block of W Haar-orthogonal, f's bias at `forget_bias` (Jozefowicz, Zaremba and
    Sutskever, 2015, advise 1), other biases and the first state at zero. The norm of all gradients
    together is clipped at 1, as the uRNN's authors did for this baseline.

    Sources: Hochreiter and Schmidhuber, "Long short-term memory", 1997; Gers, Schmidhuber and Cummins,
    "Learning to forget", 2000.
    """

    forget_bias: float = 1.0

    defaults = MappingProxyType({"other": {"name": "rmsprop", "learning_rate": 1e-3}, "clip": 1.0})

    def make_cell(
        self, input_size: int, rng: np.random.Generator, prefix: str, complex_input: bool
    ) -> Cell:
        """Return an `LSTMCell`."""
        options = {
            "forget_bias": self.forget_bias,
            "rng": rng,
            "dtype": self.dtype,
            "prefix": prefix,
        }
        return LSTMCell(input_size, self.hidden_size, **options)
