"""Inverses of NumPy matrices."""

import numpy as np

from unitarygraph.core.blas import blas_function, lapack_function, product
from unitarygraph.core.lapack import not_a_number

# Columns that `from_factors` makes at once, and up to which size LAPACK's own is as fast.
BLOCK, SMALL_COMPLEX = 64, 128


def inverse(a):
    """A^{-1}, row-major, NaN where A is singular; A, row-major, is destroyed."""
    if not a.size:
        return a
    # To LAPACK row-major A is A^T, of which the inverse is that of A, transposed.
    lu, pivots, info = lapack_function("getrf", a.dtype.name)(a.T, overwrite_a=True)
    if info > 0:
        return not_a_number(a)
    if np.iscomplexobj(a) and len(a) > SMALL_COMPLEX:
        return from_factors(lu, pivots).T
    return lapack_function("getri", a.dtype.name)(lu, pivots, overwrite_lu=True)[0].T


def from_factors(lu, pivots):
    """The inverse X from LAPACK's factors, by the columns of :math:`X P^T L = U^{-1}` from the last on.

    The algorithm of LAPACK's getri, whose products by OpenBLAS's gemv and trsm take twice the time in
    complex numbers (0.3.30).
    """
    n, kind = len(lu), lu.dtype.name
    trsm = blas_function("trsm", kind)
    x = np.triu(lapack_function("trtri", kind)(lu)[0]).T.copy().T
    for first in reversed(range(0, n, BLOCK)):
        last = min(first + BLOCK, n)
        columns = x[:, first:last]
        if last < n:
            # Of row-major transposes: columns -= x[:, last:] @ lu[last:, first:last].
            columns -= product(lu[last:, first:last].T.copy(), x[:, last:].T).T
        x[:, first:last] = trsm(1, lu[first:last, first:last], columns, side=1, lower=1, diag=1)
    order = np.arange(n)
    for i, j in enumerate(pivots):
        order[[i, j]] = order[[j, i]]
    result = np.empty_like(x)
    result[:, order] = x
    return result
