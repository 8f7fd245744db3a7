"""S5: residual blocks around discretized diagonal state spaces."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from unitarygraph.models.residual import ResidualModel
from unitarygraph.nn.s5 import S5 as Layer


class S5(ResidualModel):
    r"""Simplified state space layers in residual blocks, an affine encoder and decoder.

    A block is, with the layer of `unitarygraph.nn.S5`,

    .. math:: z = \mathrm{GELU}(\mathrm{S5}(\mathrm{norm}(x))), \quad
              x \leftarrow x + (z V + a) \circ \sigma(z W + b);

    the authors' activation is one of several, of which this is "full_glu".

    Parameters
    ----------
    state_size, layers, norm, dropout : as `unitarygraph.models.residual.ResidualModel`
    blocks : of the first eigenvalues; divides state_size
    discretization : "zoh" or "bilinear"
    step_min, step_max : of the first time steps

    Real parameters of a layer: 4HN + 3N + H, the rest as `ResidualModel`. Eigenvalues, steps and B are
    the group at the orthogonal rate: a quarter of the rest's 4e-3, and Adam in the place of AdamW.
    `recurrent_matrix` is the first layer's diagonal, inside the unit disk.

    Raises ValueError for options out of range.

    Source: Smith, Warrington and Linderman, "Simplified state space layers for sequence modeling",
    ICLR 2023.
    """

    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {
            "other": {"name": "adamw", "learning_rate": 4e-3},
            "orthogonal": {"name": "adam", "learning_rate": 1e-3},
        }
    )

    blocks: int = 1
    discretization: str = "zoh"
    step_min: float = 1e-3
    step_max: float = 0.1

    def make_layer(self, name: str) -> Layer:
        """Return a `unitarygraph.nn.S5`."""
        return Layer(
            self.hidden_size,
            self.state_size,
            blocks=self.blocks,
            discretization=self.discretization,
            step_min=self.step_min,
            step_max=self.step_max,
            rng=self.rng,
            dtype=self.dtype,
            name=name,
        )
