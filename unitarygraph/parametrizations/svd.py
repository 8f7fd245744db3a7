"""Matrices with singular values within a margin of one."""

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph.parametrizations.base import Parametrization
from unitarygraph.parametrizations.householder import Householder, reflectors_of
from unitarygraph.parametrizations.inverse import coarser_epsilon, square_matrix
from unitarygraph.stacked.typing import Array, Seed


class SVD(Parametrization):
    r""":math:`W = U\,\mathrm{diag}(s)\,V^H`, U and V products of m reflections, s in [1-r, 1+r].

    :math:`s_j = 1 + 2 r (\sigma(q_j) - \frac12)` with :math:`\sigma` the logistic function and q = 0 at
    the start: the spectral margin r bounds all singular values whatever the parameters are. U, V as
    `Householder`, U with phases in the complex field: with f = n m - m(m-1)/2 there are 2 f + n
    parameters in the real field, 4 f + 2 n in the complex one.

    W costs twice what `Householder`'s does and n^3 more, `product` 4 n m for each row. `unitary` is true
    for r = 0 only, where q is idle.

    Parameters
    ----------
    n : int
    reflections : m, for each of U and V, by default n; the published code takes n/4
    margin : r, at least 0 and less than 1
    field, rng, dtype : as `Exp`
    name : the params are ``<name>/left/V``, ``<name>/left/phases``, ``<name>/right/V``, ``<name>/q``

    Raises ValueError for a margin or m out of range.

    Source: Zhang, Lei and Dhillon (2018), "Stabilizing gradients for deep neural networks via efficient
    SVD parameterization".
    """

    def __init__(
        self,
        n: int,
        *,
        reflections: int | None = None,
        margin: float = 0.01,
        field: str = "complex",
        rng: Seed = None,
        dtype: Any = None,
        name: str = "W",
    ) -> None:
        super().__init__(n, field, dtype)
        if not 0 <= margin < 1:
            raise ValueError(f"margin: expected a number from 0 to below 1, got {margin!r}")
        self.margin, self.unitary = margin, margin == 0
        rng = np.random.default_rng(rng)
        options = {"field": field, "rng": rng, "dtype": dtype}
        #: the parametrizations of U and V
        self.left = Householder(n, reflections=reflections, name=f"{name}/left", **options)
        options |= {"reflections": reflections, "name": f"{name}/right"}
        self.right = Householder(n, phases=False, **options)
        self._q = self.parameter(np.zeros(n), f"{name}/q", group="other")

    def singular_values(self) -> Any:
        """Symbolic s, ``(n,)``."""
        width = np.asarray(2 * self.margin, self.dtype)
        return 1 + width * (pt.sigmoid(self._q) - np.asarray(0.5, self.dtype))

    def matrix(self) -> TensorVariable:
        return self.right.product_hconj(
            self.matrices.scale_columns(self.left.stored(), self.singular_values())
        )

    def product(self, h):
        h = self.matrices.scale_columns(self.left.product(h), self.singular_values())
        return self.right.product_hconj(h)

    def set_value(self, W: Array) -> None:
        """Set the parameters by NumPy's singular value decomposition of W.

        Raises ValueError for singular values beyond the margin, naming the extreme ones;
        NotImplementedError for m < n.
        """
        who = "SVD.set_value"
        limit = 10 * self.n * coarser_epsilon(W, self.dtype)
        W = square_matrix(who, W, self.n, self.field)
        if self.left.reflections < self.n:
            raise NotImplementedError(
                f"{who}: has no inverse map for {self.left.reflections} reflections, only for "
                f"n = {self.n}"
            )
        u, s, vh = np.linalg.svd(W)
        if np.abs(s - 1).max() > self.margin + limit:
            raise ValueError(
                f"{who}: the singular values of W must be within {self.margin} of 1, "
                f"got {s.min():.6g} to {s.max():.6g}"
            )
        v = vh.conj().T
        if self.field == "complex":
            # V is a product of reflections times phases, which go over to U.
            _, d = reflectors_of(v, self.n, True)
            u, v = u * d.conj(), v * d.conj()
        self.left.set_value(u)
        self.right.set_value(v)
        if self.margin:
            eps = np.finfo(self.dtype).eps
            part = np.clip((s - 1) / (2 * self.margin) + 0.5, eps, 1 - eps)
            self._q.set_value(np.log(part / (1 - part)).astype(self.dtype))
