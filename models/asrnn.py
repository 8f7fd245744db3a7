"""asRNN: tanh in a trained basis around an orthogonal recurrent matrix."""

from types import MappingProxyType

import numpy as np

from unitarygraph.models.recurrent import RecurrentModel
from unitarygraph.nn.asrnn_cell import ASRNNCell
from unitarygraph.nn.cell import Cell
from unitarygraph.nn.initializers import kaiming_normal
from unitarygraph.parametrizations import Exp


class ASRNN(RecurrentModel):
    r"""h_t = tanh((h_{t-1} W + x_t V + b) F) F^{-1}, W = exp(A), F = (abs(P) + min_scale) exp(A_f).

    In the basis of F it is a plain recurrence with tanh (`unitarygraph.nn.ASRNNCell`); outputs h U + c. A
    and A_f start by ``init`` ("henaff", "cayley" or "haar"), P from U(``low``, ``high``), V and U Kaiming
    normal, b, c and h_0 zero. A and A_f learn at a tenth of the others' rate, as expRNN's. The defaults
    of low, high and min_scale are ours: the authors chose them task by task.

    Source: Nguyen-Duy, Pham and Nguyen, "Adaptive-saturated RNN: remember more with less instability",
    ICLR 2023, tiny papers.
    """

    init: str = "henaff"
    low: float = 0.0
    high: float = 1.0
    min_scale: float = 0.01

    defaults = MappingProxyType({"other": {"name": "rmsprop", "learning_rate": 1e-3}})
    readout_init = staticmethod(kaiming_normal)
    unitary = True

    def make_cell(
        self, input_size: int, rng: np.random.Generator, prefix: str, complex_input: bool
    ) -> Cell:
        """Return an `ASRNNCell` of two exponentials."""
        n, common = self.hidden_size, {"field": "real", "rng": rng, "dtype": self.dtype}
        W, Q = (Exp(n, init=self.init, name=prefix + name, **common) for name in ("A", "A_f"))
        D = {"low": self.low, "high": self.high, "min_scale": self.min_scale}
        return ASRNNCell(W, Q, input_size, rng=rng, prefix=prefix, **D)
