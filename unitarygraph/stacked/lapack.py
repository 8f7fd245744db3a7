"""Decompositions and solutions of NumPy matrices by SciPy's LAPACK, in the precision of the data.

NumPy computes its eigenvalues and singular values in double, whatever comes in, and its BLAS must
not alternate with SciPy's (`unitarygraph.stacked.blas`).
"""

import numpy as np
import scipy.linalg

from unitarygraph.stacked.blas import lapack_function


class LU:
    """LU factors of a row-major matrix, for several right-hand sides; singular ones solve to NaN."""

    def __init__(self, a):
        # Row-major A is A^T to LAPACK, which solves with the transpose of its factors.
        self._lu, self._pivots, info = lapack_function("getrf", a.dtype.name)(a.T)
        self._singular = info > 0

    def solve(self, b):
        """A^{-1} B, column-major."""
        if self._singular:
            return not_a_number(b)
        solve = lapack_function("getrs", b.dtype.name)
        return solve(self._lu, self._pivots, b, trans=1)[0] if b.size else b


def triangular_solve(a, b, lower):
    """A^{-1} B for a row-major triangular A; NaN where A is singular."""
    if not b.size:
        return b
    x, info = lapack_function("trtrs", a.dtype.name)(a.T, b, lower=not lower, trans=1)
    return x if info == 0 else not_a_number(b)


def not_a_number(b):
    """NaN in the shape and dtype of b, in both planes."""
    return np.full_like(b, complex(np.nan, np.nan) if np.iscomplexobj(b) else np.nan)


def thin_svd(a):
    """W, s, V^H with A = W diag(s) V^H."""
    return scipy.linalg.svd(a, full_matrices=False, check_finite=False)


def thin_qr(a):
    """LAPACK's Q and R of A."""
    return scipy.linalg.qr(a, mode="economic", check_finite=False)
