"""Maps from skew-Hermitian to unitary matrices: what they store."""

from abc import abstractmethod

import numpy as np

from unitarygraph.core.layout import plain
from unitarygraph.manifolds import Euclidean
from unitarygraph.ops.upper import skew_of_upper
from unitarygraph.parametrizations.base import Parametrization
from unitarygraph.parametrizations.initializers import skew_initializer
from unitarygraph.parametrizations.inverse import special_matrix


class SkewParametrization(Parametrization):
    """W as a function of one skew-Hermitian A, of which the upper triangle is trained.

    A is stored as a full matrix, in which nothing is read below the diagonal, nor the diagonal's real
    part (real: nor the diagonal): n^2 free real parameters, n(n-1)/2 in the real field. A subclass
    says what W is as a graph, `of`, and by NumPy, `of_value`, and what A belongs to a W,
    `skew_value_of`.
    """

    def __init__(self, n, init, field="complex", rng=None, dtype=None, name="A"):
        super().__init__(n, field, dtype)
        skew = np.asarray(skew_initializer(init)(np.random.default_rng(rng), n, field))
        expected = f"init: expected a skew-Hermitian matrix ({n}, {n}), got"
        if skew.shape != (n, n):
            raise ValueError(f"{expected} shape {skew.shape}")
        if not np.allclose(skew, -skew.conj().T):
            off = np.linalg.norm(skew + skew.conj().T)
            raise ValueError(f"{expected} one with ||A + A^H|| = {off:.1e}")
        if field == "real" and np.iscomplexobj(skew):
            raise ValueError(f"init: expected a real matrix with field='real', got {skew.dtype}")
        self._upper = self.parameter(self._stored(skew), name, Euclidean(field))

    @abstractmethod
    def of(self, A):
        """Graph of W for a symbolic skew-Hermitian A."""

    @abstractmethod
    def of_value(self, A):
        """W for a NumPy A, in its precision."""

    @abstractmethod
    def skew_value_of(self, W):
        """NumPy A for a unitary NumPy W, in double; ValueError where there is none."""

    def matrix(self):
        return self.of(skew_of_upper(plain(self._upper), self.field))

    def value(self):
        """Current matrix, computed by NumPy in the parameters' precision; NaN where A is not finite."""
        upper = self.matrices.to_numpy(np.array(self._upper.get_value()))
        skew = np.triu(upper, 1)
        skew = skew - skew.conj().T
        if self.field == "complex":
            skew += 1j * np.diag(np.diagonal(upper).imag)
        if not np.isfinite(skew).all():
            return np.full_like(skew, np.nan)
        return self.of_value(skew)

    def own_free_parameters(self):
        """n^2, or n(n-1)/2 in the real field."""
        return self.n**2 if self.field == "complex" else self.n * (self.n - 1) // 2

    def set_value(self, W):
        """Set A so that the matrix is the NumPy array W.

        Raises ValueError for a W that is not unitary, naming ||W^H W - I||, and for one that no A
        has: of determinant -1 in the real field, or where the class says so.
        """
        who = f"{type(self).__name__}.set_value"
        W = special_matrix(who, W, self.n, self.field, self.dtype)
        self._upper.set_value(self._stored(self.skew_value_of(W)))

    def _stored(self, skew):
        # Below the diagonal nothing is read; the stored value has zeros there.
        return self.matrices.from_numpy(np.triu(skew)).astype(self.dtype)
