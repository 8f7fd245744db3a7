"""The matrix itself as a parameter, free or on a manifold."""

import numpy as np

from unitarygraph.manifolds import Euclidean, Unitary
from unitarygraph.parameter import parameter
from unitarygraph.parametrizations.base import Parametrization
from unitarygraph.parametrizations.unitary_initializers import unitary_initializer


class Point(Parametrization):
    r"""W itself: on U(n) (O(n) in the real field), for update rules on manifolds, or free.

    2 n^2 stored numbers, n^2 in the real field; no cost.

    Parameters
    ----------
    n : int
    init : "haar", or "henaff" and "cayley" for the exponential of such a skew-Hermitian matrix,
        "identity", "urnn" for the uRNN's form, or a function ``(rng, n, field) -> matrix``
    free : whether W is an ordinary parameter that need not stay unitary
    field, rng, dtype, name : as `Exp`

    Source: Wisdom et al. (2016), "Full-capacity unitary recurrent neural networks".
    """

    def __init__(self, n, init="haar", free=False, field="complex", rng=None, dtype=None, name="W"):
        super().__init__(n, field, dtype)
        self.unitary = not free
        value = unitary_initializer(init)(np.random.default_rng(rng), n, field)
        manifold = (Euclidean if free else Unitary)(field)
        stored = np.asarray(self.matrices.from_numpy(value), self.dtype)
        self.params = [parameter(stored, manifold, name=name)]

    def __call__(self):
        return self.params[0]

    def value(self):
        """Current matrix."""
        return self.matrices.to_numpy(np.array(self.params[0].get_value()))

    def set_value(self, W):
        """Make W the parameter; ValueError for one off the manifold."""
        (p,) = self.params
        stored = np.asarray(self.matrices.from_numpy(np.asarray(W)), self.dtype)
        if stored.shape != p.type.shape:
            raise ValueError(f"W: expected a matrix ({self.n}, {self.n}), got {np.shape(W)}")
        p.manifold.require_point(stored)
        p.set_value(stored)

    def free_parameters(self):
        """2 n^2, or n^2 in the real field; on the manifold n^2, or n(n-1)/2."""
        (p,) = self.params
        return p.manifold.dim(self.n) if self.unitary else p.get_value().size

    @property
    def orthogonal_params(self):
        """W, if it is on the manifold."""
        return self.params if self.unitary else []
