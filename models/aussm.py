"""AUSSM: residual blocks around unitary diagonal recurrences that the input turns."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.tensor.variable import TensorVariable

from unitarygraph.models.base import Model, affine
from unitarygraph.nn.aussm import AUSSM as Layer
from unitarygraph.nn.recurrence import drive_of
from unitarygraph.nn.rms_norm import RMSNorm
from unitarygraph.ops.gates import sigmoid


class AUSSM(Model):
    r"""Adaptive unitary state space layers in gated residual blocks.

    A block of width H = hidden_size is, with the layer of `unitarygraph.nn.AUSSM`,

    .. math:: (u, z) = \mathrm{RMSNorm}(x)\, W, \quad
              x \leftarrow x + (\mathrm{AUSSM}(u) \circ \mathrm{SiLU}(z))\, V,

    between an affine encoder and a linear decoder of RMSNorm(x). Where the mask is 0 the states of all
    layers stand still.

    Parameters
    ----------
    state_size : N, complex states of each feature; a layer holds HN
    layers : number of blocks
    rng : NumPy Generator or seed, by default fresh entropy

    Real parameters: mH + H and H + Hk outside, in each block H of the norm, 3H^2 of V and W, and those
    of the layer, H^2 N + 3HN + 4N + 2H. Weights start U(-1, 1) over the root of their rows. AdamW at
    1e-3, the norm of all gradients together clipped at 1.

    The recurrent matrix depends on the input: `recurrent_matrix` is None.

    Source: Karuvally et al., "Bridging expressivity and scalability with adaptive unitary SSMs", NeurIPS
    2025, and their code; its blocks of Mamba between these and its short convolution are left out.
    """

    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {"other": {"name": "adamw", "learning_rate": 1e-3}, "clip": 1.0}
    )

    state_size: int = 16
    layers: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.layers < 1:
            raise ValueError(f"layers must be at least 1, got {self.layers}")
        H = self.hidden_size
        self._encoder = (
            self._weight("encoder/weight", self.input_size, H),
            self.parameter("encoder/bias", np.zeros(H)),
        )
        self._blocks = []
        for name in (f"layer{number}" for number in range(self.layers)):
            norm = RMSNorm(H, dtype=self.dtype, name=f"{name}/norm")
            into = self._weight(f"{name}/W", H, 2 * H)
            layer = Layer(H, self.state_size, rng=self.rng, dtype=self.dtype, name=name)
            self._blocks.append((norm, into, layer, self._weight(f"{name}/V", H, H)))
        self._norm = RMSNorm(H, dtype=self.dtype, name="norm")
        self._decoder = self._weight("decoder/weight", H, self.output_size)

    def _weight(self, name: str, rows: int, columns: int) -> SharedVariable:
        limit = 1 / np.sqrt(rows)
        return self.parameter(name, self.rng.uniform(-limit, limit, (rows, columns)))

    def __call__(self, x: TensorVariable, mask: TensorVariable | None = None) -> TensorVariable:
        """Return the outputs (T, B, output_size) for x (T, B, input_size)."""
        x = affine(x, *self._encoder)
        for norm, into, layer, out in self._blocks:
            both = drive_of(norm(x), into)
            u, z = both[..., : self.hidden_size], both[..., self.hidden_size :]
            x = x + drive_of(layer(u, mask) * (z * sigmoid(z)), out)
        return pt.dot(self._norm(x), self._decoder)
