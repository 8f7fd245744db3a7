"""LinOSS: residual blocks around forced harmonic oscillators."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from unitarygraph.models.residual import ResidualModel
from unitarygraph.nn.linoss import LinOSS as Layer


class LinOSS(ResidualModel):
    r"""Linear oscillatory state space layers in residual blocks, an affine encoder and decoder.

    A block is, with the layer of `unitarygraph.nn.LinOSS`,

    .. math:: z = \mathrm{GELU}(\mathrm{LinOSS}(\mathrm{norm}(x))), \quad
              x \leftarrow x + (z V + a) \circ \sigma(z W + b).

    Parameters
    ----------
    state_size, layers, norm, dropout : as `unitarygraph.models.residual.ResidualModel`; the authors'
        norm is "batch", without gain and bias
    discretization : "im", which forgets, or "imex", which is symplectic and does not
    step_std : of the first time steps, sigmoid(N(0, step_std^2))

    Real parameters of a layer: 4HN + 2N + H, the rest as `ResidualModel`. Adam at 1e-3.
    `recurrent_matrix` is that of velocities and positions, (2N, 2N).

    Raises ValueError for options out of range.

    Source: Rusch and Rus, "Oscillatory state-space models", ICLR 2025.
    """

    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {"other": {"name": "adam", "learning_rate": 1e-3}}
    )

    discretization: str = "imex"
    step_std: float = 0.5

    def make_layer(self, name: str) -> Layer:
        """Return a `unitarygraph.nn.LinOSS`."""
        return Layer(
            self.hidden_size,
            self.state_size,
            discretization=self.discretization,
            step_std=self.step_std,
            rng=self.rng,
            dtype=self.dtype,
            name=name,
        )
