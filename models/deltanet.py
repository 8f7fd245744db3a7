"""DeltaNet: a state matrix moved by one reflection a step."""

from types import MappingProxyType

import numpy as np

from unitarygraph.models.recurrent import RecurrentModel
from unitarygraph.nn.cell import Cell
from unitarygraph.nn.delta_cell import DeltaCell


class DeltaNet(RecurrentModel):
    r"""A matrix state that a step corrects along one key (`unitarygraph.nn.DeltaCell`).

    .. math::
        S_t = (I - \beta_t k_t k_t^T) S_{t-1} + \beta_t k_t v_t^T, \quad h_t = q_t S_t,

    outputs h U + c. beta is in (0, 1) as published, with ``negative`` in (0, 2). Keys, of length
    ``key_size``, have norm 1; n is shared out to ``heads``. Adam at 3e-3, the norm of all gradients
    together clipped at 1.

    Source: Yang, Wang, Zhang, Shen and Kim, "Parallelizing linear transformers with the delta rule
    over sequence length", NeurIPS 2024; ``negative``: Grazzi et al., "Unlocking state-tracking in
    linear RNNs through negative eigenvalues", ICLR 2025. The recurrence alone, without the
    convolutions, norms and gated layers of their blocks.
    """

    heads: int = 1
    key_size: int = 16
    negative: bool = False

    defaults = MappingProxyType({"other": {"name": "adam", "learning_rate": 3e-3}, "clip": 1.0})

    def make_cell(
        self, input_size: int, rng: np.random.Generator, prefix: str, complex_input: bool
    ) -> Cell:
        """Return a `DeltaCell`."""
        return DeltaCell(
            input_size,
            self.hidden_size,
            key_size=self.key_size,
            heads=self.heads,
            negative=self.negative,
            rng=rng,
            dtype=self.dtype,
            prefix=prefix,
        )
