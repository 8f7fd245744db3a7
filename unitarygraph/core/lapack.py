"""Decompositions and solutions of NumPy matrices by SciPy's LAPACK, in the precision of the data.

NumPy computes its eigenvalues and singular values in double, whatever comes in, and its BLAS must
not alternate with SciPy's (`unitarygraph.core.blas`).
"""

from functools import cache

import numpy as np
import scipy.linalg

from unitarygraph.core.blas import (
    SMALL,
    blas_function,
    conj_gram,
    frobenius_norm,
    lapack_function,
    start,
)


class LU:
    """LU factors of a row-major matrix, for several right-hand sides; singular ones solve to NaN.

    With ``overwrite`` A is destroyed.
    """

    def __init__(self, a, overwrite=False):
        # Row-major A is A^T to LAPACK, which solves with the transpose of its factors.
        getrf = lapack_function("getrf", a.dtype.name)
        self._lu, self._pivots, info = getrf(a.T, overwrite_a=overwrite)
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


#: Condition numbers of A^H A up to which its factors serve in place of A's: for Cholesky's, Q is then
#: as orthonormal as LAPACK's; for eigenvalues, the smallest singular value loses to rounding half of
#: this times what the largest does, relatively.
WELL = {"qr": 4, "polar": 30}
#: (||A^H A v|| ||v|| / ||A v||^2)^2 is at most this where the condition number of A^H A is up to 4
#: (Kantorovich 1948); over random v it is 2 for a random square matrix.
LEVEL = 25 / 16


@cache
def smallest_square_root(dtype):
    """The least number whose square has all its digits, and those of products with epsilon."""
    info = np.finfo(dtype)
    return (float(info.tiny) / float(info.eps)) ** 0.5


def conj_gram_of_level(a):
    """Lower triangle of the conjugate of A^H A, or None where its eigenvalues are far from equal.

    A step along a tangent from a point with orthonormal columns passes; a random square matrix does
    not, and has cost little. This says only whether it is worth while to look: a part of the spectrum
    may hide from it.
    """
    m, n = a.shape
    # The root mean square of the singular values; squares must neither vanish nor overflow.
    size = frobenius_norm(a) / max(n, 1) ** 0.5
    least = smallest_square_root(a.dtype.char)
    if m < n or not least < size < 1 / least:
        return None
    if a.size * n > SMALL:
        gemv = blas_function("gemv", a.dtype.name)
        w = gemv(1 / size, a.T, start(n, a.dtype.char), trans=1)
        z = gemv(1 / size, a.T, w.conj())
        if frobenius_norm(z) > LEVEL**0.5 * frobenius_norm(w) ** 2:
            return None
    return conj_gram(a)


def writable_diagonal(a):
    """View of the diagonal of a square column-major matrix."""
    return a.T.reshape(-1)[:: len(a) + 1]


def spread(gram):
    r""":math:`\delta = \|G - cI\|_F / c`, c the mean of G's diagonal, from its lower triangle.

    No eigenvalue of the Hermitian G is further from c than :math:`\delta c`, so that with
    :math:`\delta < 1` its condition number is at most :math:`(1 + \delta)/(1 - \delta)`: a bound, which
    no spectrum can hide from. G serves as work space and comes back as it was.
    """
    diagonal = writable_diagonal(gram)
    before = diagonal.copy()
    mean = float(before.real.sum()) / len(gram)
    # What is above the diagonal counts as what is below.
    diagonal -= mean
    diagonal *= 0.5**0.5
    distance = frobenius_norm(gram.T)
    diagonal[:] = before
    return 2**0.5 * distance / mean


def cholesky_qr(a):
    """Q and R with positive diagonal by Cholesky's R of a well conditioned A^H A; else None."""
    gram = conj_gram_of_level(a)
    # Where (1 + x) / (1 - x) is `WELL`.
    if gram is None or not spread(gram) <= (WELL["qr"] - 1) / (WELL["qr"] + 1):
        return None
    potrf = lapack_function("potrf", a.dtype.name)
    # To LAPACK a row-major Hermitian matrix is its conjugate.
    lower, info = potrf(gram, lower=True, clean=True, overwrite_a=True)
    if info != 0:
        return None
    q = blas_function("trsm", a.dtype.name)(1, lower, a.T, lower=True)
    return q.T, lower.T


def right_singular(a):
    """Singular values, ascending, and V^H by eigenvalues of a well conditioned A^H A; else None.

    LAPACK's eigenvalues are off by no more than what the largest rounds off: they prove the condition.
    """
    gram = conj_gram_of_level(a)
    # The mean of (eigenvalue / c - 1)^2 is spread^2 / n.
    if gram is None or not spread(gram) ** 2 <= (LEVEL - 1) * len(gram):
        return None
    # As in `unitarygraph.ops.expm.skew`: eigenvectors come as V^H, row-major.
    w, x = scipy.linalg.eigh(gram, lower=True, driver="evd", check_finite=False, overwrite_a=True)
    return (np.sqrt(w), x.T) if w[-1] < WELL["polar"] * w[0] else None


def hermitian_product(a, b):
    """A (B^H B), half of which is not computed."""
    name = "hemm" if np.iscomplexobj(a) else "symm"
    return blas_function(name, a.dtype.name)(1, conj_gram(b), a.T, lower=True).T


def hermitian_square(b):
    """B^H B, exactly Hermitian."""
    lower = conj_gram(b)
    half = writable_diagonal(lower)
    half *= 0.5
    upper = lower.T
    return upper + upper.conj().T


def orthonormalized(u):
    r"""U with columns orthonormal up to many roundings, to fewer: :math:`U - U (U^H U - I)/2`.

    A Newton-Schulz step; of the distance to the nearest matrix with orthonormal columns the square
    stays. Source: Bjorck and Bowie, SIAM J. Numer. Anal. 8 (1971) 358.
    """
    excess = conj_gram(u)
    diagonal = writable_diagonal(excess)
    diagonal -= 1
    name = "hemm" if np.iscomplexobj(u) else "symm"
    return u + blas_function(name, u.dtype.name)(-0.5, excess, u.T, lower=True).T
