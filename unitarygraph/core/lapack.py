"""Decompositions and solutions of NumPy matrices by SciPy's LAPACK, in the precision of the data.

NumPy computes its eigenvalues and singular values in double, whatever comes in, and its BLAS must
not alternate with SciPy's (`unitarygraph.core.blas`).
"""

import numpy as np
import scipy.linalg

from unitarygraph.core.blas import (
    blas_function,
    frobenius_norm,
    hconj_product,
    lapack_function,
    spectral_norm,
)


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


#: condition number of A^H A up to which its factors serve in place of A's: what they lose to rounding
#: is the epsilon times this
WELL = 30


def well_conditioned_gram(a):
    r"""A^H A, and as L L^H its complex conjugate, where its condition number is below `WELL`; or None.

    A first look compares A's largest squared singular value with their mean: a step along a tangent
    from a point with orthonormal columns passes, a random square matrix does not and has cost nothing.
    """
    m, n = a.shape
    eps, tiny = (float(getattr(np.finfo(a.dtype), name)) for name in ("eps", "tiny"))
    # The root mean square of the singular values; squares must neither vanish nor overflow.
    size = frobenius_norm(a) / max(n, 1) ** 0.5
    if m < n or not (tiny / eps) ** 0.5 < size < (eps / tiny) ** 0.5:
        return None
    if (largest := spectral_norm(a) ** 2) > 3 * size**2:
        return None
    gram = hconj_product(a, a)
    potrf, potrs = (lapack_function(name, a.dtype.name) for name in ("potrf", "potrs"))
    # To LAPACK a row-major Hermitian matrix is its conjugate.
    lower, info = potrf(gram.T, lower=True, clean=True)
    if info != 0:
        return None
    # The smallest eigenvalue by inverse iteration.
    v = np.cos(np.arange(1.0, n + 1) ** 2).astype(a.dtype)
    for _ in range(4):
        v = potrs(lower, v / frobenius_norm(v), lower=True)[0]
    return (gram, lower) if largest * frobenius_norm(v) < WELL else None


def cholesky_qr(a):
    """Q and R with positive diagonal by Cholesky's R of a `well_conditioned_gram`, else None."""
    found = well_conditioned_gram(a)
    if found is None:
        return None
    lower = found[1]
    q = blas_function("trsm", a.dtype.name)(1, lower, a.T, lower=True)
    return q.T, lower.T


def right_singular(a):
    """Singular values, ascending, and V^H by eigenvalues of a `well_conditioned_gram`, else None."""
    found = well_conditioned_gram(a)
    if found is None:
        return None
    # As in `unitarygraph.ops.expm.skew`: eigenvectors come as V^H, row-major.
    w, x = scipy.linalg.eigh(found[0].T, driver="evd", check_finite=False, overwrite_a=True)
    return np.sqrt(w), x.T
