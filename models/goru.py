"""Gated orthogonal recurrent unit: gates around layers of rotations."""

from types import MappingProxyType

import numpy as np

from unitarygraph.models.recurrent import RecurrentModel
from unitarygraph.nn.cell import Cell
from unitarygraph.nn.goru_cell import GORUCell
from unitarygraph.parametrizations.givens import Givens


class GORU(RecurrentModel):
    r"""Gates around an orthogonal matrix made of Givens rotations (`unitarygraph.nn.GORUCell`).

    .. math::
        (r, z) = \sigma(h_{t-1} W_g + x_t V_g + b_g), \quad
        h_t = z \circ h_{t-1} + (1 - z) \circ \mathrm{modReLU}(r \circ (h_{t-1} W) + x_t V_c;\, b),

    outputs h U + c. W is `capacity` layers of rotations of neighbors (``style="tunable"``) or log2 n
    layers of butterflies (``"fft"``, n a power of 2), their angles from U(-pi, pi). V and W_g start
    from U(-0.01, 0.01), b_g at `gate_bias` for r and `update_bias` for z, b at 0.01, U Glorot uniform,
    c and the first state at zero.

    Training is the published code's: RMSprop, 1e-3, decay 0.9, the same for the angles.

    Source: Jing et al., "Gated orthogonal recurrent units: on learning to forget", 2017.
    """

    capacity: int = 2
    style: str = "tunable"
    gate_bias: float = 2.0
    update_bias: float = 0.0

    matrix = Givens
    matrix_options = MappingProxyType({"field": "real"})
    defaults = MappingProxyType(
        {
            "other": {"name": "rmsprop", "learning_rate": 1e-3, "rho": 0.9},
            "orthogonal": {"learning_rate": 1e-3},
        }
    )
    unitary = True

    def make_cell(
        self, input_size: int, rng: np.random.Generator, prefix: str, complex_input: bool
    ) -> Cell:
        """Return a `GORUCell`."""
        W = self.make_matrix(rng, prefix)
        biases = {"gate_bias": self.gate_bias, "update_bias": self.update_bias}
        return GORUCell(W, input_size, **biases, rng=rng, prefix=prefix)
