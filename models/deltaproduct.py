"""DeltaProduct: a state matrix moved by several reflections a step."""

from types import MappingProxyType

import numpy as np

from unitarygraph.models.recurrent import RecurrentModel
from unitarygraph.nn.cell import Cell
from unitarygraph.nn.delta_cell import DeltaCell


class DeltaProduct(RecurrentModel):
    r"""A matrix state moved by J = ``householders`` reflections a step (`unitarygraph.nn.DeltaCell`).

    .. math::
        S_{t,j} = (I - \beta_{t,j}\, k_{t,j} k_{t,j}^T)\, S_{t,j-1} + \beta_{t,j}\, k_{t,j} v_{t,j}^T,
        \quad h_t = q_t S_{t,J},

    S_{t,0} = S_{t-1,J}, times a scalar gate of x_t with ``gated``; outputs h U + c. With ``negative``
    beta is in (0, 2), else in (0, 1). Keys, of length ``key_size``, have norm 1; n is shared out to
    ``heads``. Adam at 3e-3, the norm of all gradients together clipped at 1.

    Source: Siems, Carstensen, Zela, Hutter, Pontil and Grazzi, "DeltaProduct: improving
    state-tracking in linear RNNs via Householder products", NeurIPS 2025; negative eigenvalues: Grazzi
    et al., "Unlocking state-tracking in linear RNNs through negative eigenvalues", ICLR 2025. The
    recurrence alone, without the convolutions, norms and gated layers of their blocks.
    """

    householders: int = 2
    heads: int = 1
    key_size: int = 16
    negative: bool = True
    gated: bool = False

    defaults = MappingProxyType({"other": {"name": "adam", "learning_rate": 3e-3}, "clip": 1.0})

    def make_cell(
        self, input_size: int, rng: np.random.Generator, prefix: str, complex_input: bool
    ) -> Cell:
        """Return a `DeltaCell`."""
        return DeltaCell(
            input_size,
            self.hidden_size,
            key_size=self.key_size,
            householders=self.householders,
            heads=self.heads,
            negative=self.negative,
            gated=self.gated,
            rng=rng,
            dtype=self.dtype,
            prefix=prefix,
        )
