"""Flat space."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph.manifolds.base import Manifold, Retraction
from unitarygraph.stacked.algebra import algebra
from unitarygraph.stacked.typing import Array, M, Seed, Value


def straight(manifold, x, u):
    """x + u, the geodesic of a flat space."""
    return x + u


RETRACTIONS = {"exp": Retraction(2, straight)}


@dataclass(frozen=True)
class Euclidean(Manifold):
    """All tensors, with :math:`T_x` the space itself and the inner product Re tr(u^H v).

    Unlike on other manifolds, points may have any number of axes, as complex vectors ``(2, n)`` and
    numbers ``(2,)``, and `mean_square` is elementwise: adaptive rules are the usual ones.
    """

    retraction_table: ClassVar[Mapping[str, Retraction]] = RETRACTIONS
    isometric_transport: ClassVar[bool] = True

    def proj(self, x: M | Array, g: M | Array) -> M:
        """The gradient g itself."""
        _, g = self.arguments("proj", x=x, g=g)
        return g

    def ehess2rhess(self, x: M | Array, egrad: M | Array, ehess: M | Array, u: M | Array) -> M:
        """The Euclidean Hessian ``ehess`` itself."""
        _, ehess = self.arguments("ehess2rhess", x=x, ehess=ehess)
        return ehess

    def retr(self, x: M | Array, u: M | Array, kind: str | Callable[..., Any] | None = None) -> M:
        """The sum x + u, for a function too: one serves a list with flat parameters among others."""
        return super().retr(x, u, kind=None if callable(kind) else kind)

    def log(self, x: M | Array, y: M | Array) -> M:
        """The difference y - x."""
        x, y = self.arguments("log", x=x, y=y)
        return y - x

    def transport(self, x: M | Array, y: M | Array, v: M | Array) -> M:
        """The vector v itself."""
        _, _, v = self.arguments("transport", x=x, y=y, v=v)
        return v

    def inner(self, x: Value, u: Value, v: Value) -> TensorVariable:
        """Re tr(u^H v), one number a matrix; of vectors and scalars, one number."""
        _, u, v = self.arguments("inner", x=x, u=u, v=v)
        return (u * v).sum() if u.type.ndim < self.matrices.axes else self.matrices.inner(u, v)

    def norm(self, x: Value, u: Value) -> TensorVariable:
        """Frobenius norm, one number a matrix; of vectors and scalars, one number."""
        _, u = self.arguments("norm", x=x, u=u)
        if u.type.ndim >= self.matrices.axes:
            return self.matrices.norm(u)
        return algebra("real").norm(u.reshape((1, -1)))

    def mean_square(self, x: Value, u: Value) -> TensorVariable:
        """Elementwise square."""
        _, u = self.arguments("mean_square", x=x, u=u)
        return pt.square(u)

    def nearest(self, x: M | Array) -> M:
        """The matrix x itself."""
        (x,) = self.arguments("nearest", x=x)
        return x

    def dim(self, shape: Sequence[int]) -> int:
        """Number of real coordinates of one matrix, or of a vector or scalar."""
        return int(np.prod(shape[-2:], dtype=int)) * (2 if self.field == "complex" else 1)

    def deviation(self, x: Array) -> Any:
        """Zero, or NaN where a matrix is not finite."""
        x = np.asarray(x)
        axes = tuple(range(-min(self.matrices.axes, x.ndim), 0))
        return np.where(np.isfinite(x).all(axis=axes), 0.0, np.nan)

    deviation_formula: ClassVar[str] = "distance (NaN: not finite)"

    def check_shape(self, method, name, shape):
        """Any shape is one of flat space."""

    def random_point(
        self, shape: int | Sequence[int], rng: Seed = None, dtype: Any = None
    ) -> Array:
        """Independent standard normal entries, of matrix shape ``shape``."""
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        return self.store(self.normal_matrices(shape, rng), dtype)
