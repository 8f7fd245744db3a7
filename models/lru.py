"""LRU: stacked blocks around diagonal linear recurrences."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from unitarygraph.models.residual import ResidualModel
from unitarygraph.nn.lru import LRU as Layer


class LRU(ResidualModel):
    r"""Linear recurrent units in residual blocks, between an affine encoder and decoder.

    A block is, with the recurrent layer of `unitarygraph.nn.LRU`,

    .. math:: z = \mathrm{GELU}(\mathrm{LRU}(\mathrm{norm}(x))), \quad
              x \leftarrow x + (z V + a) \circ \sigma(z W + b),

    of width H = hidden_size. Time is mixed by the linear recurrence alone; what is not linear works
    on each step. Where the mask is 0 the states of all layers stand still.

    Parameters
    ----------
    state_size, layers, norm, dropout : as `unitarygraph.models.residual.ResidualModel`
    bidirectional : a second recurrence, backward in time, in each layer
    r_min, r_max, max_phase : the ring of the first eigenvalues (`unitarygraph.parametrizations.
        Diagonal`): near 1 for a long memory, small phases for slow changes
    rng : NumPy Generator or seed, by default fresh entropy

    Real parameters: mH + H and Hk + k outside, in each block 2H of the norm, 4HN + 3N + H of the
    layer (bidirectional 2 (4HN + 3N) + H) and 2H^2 + 2H of V, W, a and b. Encoder, decoder, V and W start
    N(0, 1 / rows) with biases zero.

    nu, theta, gamma and B are the group at the orthogonal rate: a smaller one, and Adam in the place
    of AdamW, that is without weight decay, as the authors have it. `recurrent_matrix` is the first
    layer's diag(lambda), inside the unit disk.

    Raises ValueError for options out of range.

    Source: Orvieto et al., "Resurrecting recurrent neural networks for long sequences", ICML 2023.
    """

    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {
            "other": {"name": "adamw", "learning_rate": 1e-3},
            "orthogonal": {"name": "adam", "learning_rate": 2.5e-4},
        }
    )

    bidirectional: bool = False
    r_min: float = 0.0
    r_max: float = 1.0
    max_phase: float = 2 * np.pi

    def make_layer(self, name: str) -> Layer:
        """Return a `unitarygraph.nn.LRU`."""
        return Layer(
            self.hidden_size,
            self.state_size,
            r_min=self.r_min,
            r_max=self.r_max,
            max_phase=self.max_phase,
            bidirectional=self.bidirectional,
            rng=self.rng,
            dtype=self.dtype,
            name=name,
        )
