"""The matrix itself as a parameter, free or on a manifold."""

from typing import Any

import numpy as np
from pytensor.tensor.variable import TensorVariable

from unitarygraph.manifolds import Euclidean, Unitary
from unitarygraph.parametrizations.base import Parametrization
from unitarygraph.parametrizations.initializers import unitary_initializer
from unitarygraph.stacked.typing import Array, Seed


class Point(Parametrization):
    r"""W itself: on U(n) (O(n) in the real field), for update rules on manifolds, or free.

    2 n^2 stored numbers, n^2 in the real field; no cost.

    Parameters
    ----------
    n : int
    init : "haar", or "henaff" and "cayley" for the exponential of such a skew-Hermitian matrix,
        "identity", "urnn" for the uRNN's form, or a function ``(rng, n, field) -> matrix``
    free : whether W is an ordinary parameter that need not stay unitary
    group : of W, see `unitarygraph.parameter`; by default "orthogonal", of a free one "other"
    field, rng, dtype, name : as `Exp`

    Source: Wisdom et al. (2016), "Full-capacity unitary recurrent neural networks".
    """

    def __init__(
        self,
        n: int,
        *,
        init: Any = "haar",
        free: bool = False,
        group: str | None = None,
        field: str = "complex",
        rng: Seed = None,
        dtype: Any = None,
        name: str = "W",
    ) -> None:
        super().__init__(n, field, dtype)
        self.unitary = not free
        value = unitary_initializer(init)(np.random.default_rng(rng), n, field)
        manifold = (Euclidean if free else Unitary)(field)
        stored = np.asarray(self.matrices.from_numpy(value), self.dtype)
        group = group or ("other" if free else "orthogonal")
        self._point = self.parameter(stored, name, manifold, group)

    def matrix(self) -> TensorVariable:
        return self._point

    def value(self) -> Array:
        """Current matrix."""
        return self.matrices.to_numpy(np.array(self._point.get_value()))

    def set_value(self, W: Array) -> None:
        """Make W the parameter; ValueError for one off the manifold."""
        p = self._point
        stored = np.asarray(self.matrices.from_numpy(np.asarray(W)), self.dtype)
        if stored.shape != p.type.shape:
            raise ValueError(f"W: expected a matrix ({self.n}, {self.n}), got {np.shape(W)}")
        p.manifold.require_point(stored)
        p.set_value(stored)

    def own_free_parameters(self) -> int:
        """2 n^2, or n^2 in the real field; on the manifold n^2, or n(n-1)/2."""
        if self.unitary:
            return self._point.manifold.dim(self.n)
        return super().own_free_parameters()
