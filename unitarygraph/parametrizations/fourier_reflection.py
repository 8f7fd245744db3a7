"""Unitary matrices as products of diagonal ones, reflections, a permutation and Fourier transforms."""

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph.core.layout import plain
from unitarygraph.manifolds import Euclidean
from unitarygraph.ops.dft import dft
from unitarygraph.parametrizations.base import Parametrization
from unitarygraph.stacked.functions import conj, mul, stack
from unitarygraph.stacked.typing import Seed


class FourierReflection(Parametrization):
    r""":math:`W = D_3 R_2 F^{-1} D_2 \Pi R_1 F D_1`, as h W: the uRNN's matrix. Complex only.

    :math:`D_k = \mathrm{diag}(e^{i \theta_k})`, :math:`R_k = I - 2 v_k v_k^H / (v_k^H v_k)`, F the
    unitary discrete Fourier transform, :math:`\Pi` a fixed permutation, :math:`(h \Pi)_j =
    h_{\pi(j)}`. 7n real parameters: theta ``(3, n)`` and v ``(2, 2, n)``, the second axis counting
    the reflections. `product` costs O(n log n) for each row; W is that of the identity's rows, O(n^2
    log n). W is unitary for all parameters but v = 0, where it is NaN. There is no inverse map:
    7n parameters are no coordinates of U(n).

    Parameters
    ----------
    n : int
    field : "complex"; ValueError for "real"
    rng : seed or numpy Generator, of parameters and permutation
    dtype : "float32" or "float64", by default ``pytensor.config.floatX``
    name : the params are ``<name>/theta`` and ``<name>/v``

    Published initial values: theta from U(-pi, pi), v from U(-s, s) with :math:`s^2 = 6/(2n + 2)`.
    ``permutation`` is the array pi.

    Source: Arjovsky, Shah and Bengio (2016), "Unitary evolution recurrent neural networks".
    """

    #: the n from which `product` in each step is faster than W made once (docs/structured.md has the
    #: measurements)
    structured_from = 1024

    def __init__(
        self,
        n: int,
        *,
        field: str = "complex",
        rng: Seed = None,
        dtype: Any = None,
        name: str = "W",
    ) -> None:
        super().__init__(n, field, dtype)
        if field != "complex":
            raise ValueError(f"FourierReflection: field must be 'complex', got {field!r}")
        rng = np.random.default_rng(rng)
        scale = np.sqrt(6 / (2 * n + 2))
        self._theta = self.parameter(rng.uniform(-np.pi, np.pi, (3, n)), f"{name}/theta")
        v = rng.uniform(-scale, scale, (2, 2, n))
        self._v = self.parameter(v, f"{name}/v", Euclidean(field))
        self.permutation = rng.permutation(n)

    def matrix(self) -> TensorVariable:
        return self.product(self.matrices.eye(self.n, self.dtype))

    def product(self, h):
        theta, v = self._theta, plain(self._v)
        h = dft(self._reflected(_turned(h, theta[2]), v[:, 1]), inverse=True)
        h = _turned(h, theta[1])[..., self.permutation]
        return _turned(dft(self._reflected(h, v[:, 0])), theta[0])

    def prefers_structure(self) -> bool:
        """From `structured_from` on."""
        return self.n >= self.structured_from

    def _reflected(self, h, v):
        """Rows h - 2 (h v) v^H / (v^H v)."""
        along = self.matrices.matmul(h, v[:, :, None])
        return h - mul(along, conj(v[:, None, :]) * (2 / pt.sum(v * v)))


def _turned(h, theta):
    """Columns times e^{i theta}."""
    return mul(h, stack(pt.cos(theta)[None, :], pt.sin(theta)[None, :]))
