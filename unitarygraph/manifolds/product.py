"""Tuples of points of several manifolds."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph.manifolds.base import Manifold
from unitarygraph.stacked.typing import Seed


@dataclass(frozen=True, init=False)
class Product(Manifold):
    r"""Product of manifolds: points and tangents are tuples, one entry a factor.

    ``Product(Unitary(), Sphere("real"))``. The metric is the sum of the factors' metrics, distances
    are the root of the sum of squares, everything else goes factor by factor. Batch axes of the
    entries must agree. Shapes, too, are given as a tuple. Entries may be complex variables or NumPy
    complex arrays; what the factors make of them is again. Points are no arrays: parameters are made
    of each entry.
    """

    manifolds: tuple[Manifold, ...]  # type: ignore[misc]

    def __init__(self, *manifolds: Manifold) -> None:
        wrong = [m for m in manifolds if not isinstance(m, Manifold)]
        if wrong or not manifolds:
            raise TypeError(f"Product: expected one manifold or more, got {wrong or 'none'}")
        object.__setattr__(self, "manifolds", manifolds)
        object.__setattr__(self, "field", manifolds[0].field)

    def __str__(self) -> str:
        return f"Product({', '.join(map(str, self.manifolds))})"

    @property
    def isometric_transport(self):
        """Whether the transport of every factor keeps inner products."""
        return all(m.isometric_transport for m in self.manifolds)

    @property
    def is_embedded(self):
        """Whether every factor has a constant metric of the space around it."""
        return all(m.is_embedded for m in self.manifolds)

    @property
    def retractions(self) -> dict[str, int]:
        """Names that a factor has, with the smallest order of what the factors make of them."""
        names = dict.fromkeys(name for m in self.manifolds for name in m.retractions)
        return {name: min(map(order_of(name), self.manifolds)) for name in names}

    def _entries(self, method, *tuples):
        for values in tuples:
            if len(values) != len(self.manifolds):
                raise ValueError(
                    f"{method}: expected {len(self.manifolds)} entries on {self}, got {len(values)}"
                )
        return tuples

    def _each(self, method, *tuples, **options):
        rows = zip(self.manifolds, *self._entries(method, *tuples), strict=True)
        return tuple(getattr(m, method)(*values, **options) for m, *values in rows)

    def proj(self, x: Any, g: Any) -> Any:
        """The factors' projections."""
        return self._each("proj", x, g)

    def egrad2rgrad(self, x: Any, g: Any) -> Any:
        """The factors' gradients."""
        return self._each("egrad2rgrad", x, g)

    def ehess2rhess(self, x: Any, egrad: Any, ehess: Any, u: Any) -> Any:
        """The factors' Hessians: ``ehess`` holds what the whole tangent u makes of each gradient."""
        return self._each("ehess2rhess", x, egrad, ehess, u)

    def retr(self, x: Any, u: Any, kind: Any = None) -> Any:
        """The factors' retractions: each its own best one, or that called ``kind`` where it has one.

        Raises ValueError for a name that no factor has.
        """
        if kind is not None and kind not in self.retractions:
            names = ", ".join(map(repr, self.retractions))
            raise ValueError(f"retr: kind must be one of {names} on {self}, got {kind!r}")
        kinds = [kind if kind in m.retractions else None for m in self.manifolds]
        rows = zip(self.manifolds, *self._entries("retr", x, u), kinds, strict=True)
        return tuple(m.retr(*row) for m, *row in rows)

    def exp(self, x: Any, u: Any) -> Any:
        """The factors' exponential maps."""
        return self._each("exp", x, u)

    def log(self, x: Any, y: Any) -> Any:
        """The factors' logarithms."""
        return self._each("log", x, y)

    def dist(self, x: Any, y: Any) -> TensorVariable:
        """Root of the sum of the squared distances."""
        return _root_of_squares(self._each("dist", x, y))

    def transport(self, x: Any, y: Any, v: Any) -> Any:
        """The factors' transports."""
        return self._each("transport", x, y, v)

    def inner(self, x: Any, u: Any, v: Any) -> TensorVariable:
        """Sum of the inner products."""
        return sum(self._each("inner", x, u, v))

    def norm(self, x: Any, u: Any) -> TensorVariable:
        """Root of the sum of the squared lengths."""
        return _root_of_squares(self._each("norm", x, u))

    def mean_square(self, x: Any, u: Any) -> TensorVariable:
        """The factors' mean squares, a tuple."""
        return self._each("mean_square", x, u)

    def nearest(self, x: Any) -> Any:
        """The factors' nearest points."""
        return self._each("nearest", x)

    def dim(self, shape: Any) -> int:
        """Sum of the dimensions; ``shape`` holds one shape a factor."""
        return sum(self._each("dim", shape))

    def deviation(self, x: Any) -> Any:
        """Root of the sum of the factors' squared deviations."""
        return np.sqrt(sum(np.square(d) for d in self._each("deviation", x)))

    def is_on(self, x: Any, tol: float | None = None) -> bool:
        """Whether every entry is on its manifold."""
        return all(self._each("is_on", x, tol=tol))

    def require_point(self, x: Any, tol: float | None = None) -> None:
        """Raise the error of the first entry that is not on its manifold."""
        self._each("require_point", x, tol=tol)

    def is_tangent(self, x: Any, u: Any, tol: float | None = None) -> bool:
        """Whether every entry is tangent."""
        return all(self._each("is_tangent", x, u, tol=tol))

    def require_tangent(self, x: Any, u: Any, tol: float | None = None) -> None:
        """Raise the error of the first entry that is not tangent."""
        self._each("require_tangent", x, u, tol=tol)

    def random_point(self, shape: Any, rng: Seed = None, dtype: Any = None) -> Any:
        """Independent random points; ``shape`` holds one shape a factor."""
        return self._each("random_point", shape, rng=np.random.default_rng(rng), dtype=dtype)

    def random_tangent(self, x: Any, rng: Seed = None) -> Any:
        """Independent random tangents."""
        return self._each("random_tangent", x, rng=np.random.default_rng(rng))


def order_of(name):
    """The order that the retraction of a name has on a manifold, or its best one in its place."""
    return lambda m: m.retractions.get(name, m.retractions[m.best_retraction])


def _root_of_squares(lengths):
    """Root of the sum of squares; its gradient at zero is zero."""
    square = sum(pt.square(length) for length in lengths)
    zero = pt.eq(square, 0)
    return pt.switch(zero, square, pt.sqrt(pt.switch(zero, pt.ones_like(square), square)))
