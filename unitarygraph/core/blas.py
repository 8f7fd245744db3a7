"""Products of NumPy matrices by SciPy's BLAS, which all kernels share with its LAPACK.

NumPy and SciPy bring a BLAS each, with threads of its own that wait in a busy loop. Where a kernel
goes back and forth between the two, threads of one wait while those of the other work: on two cores
a step of 0.5 ms then takes a time slice of 8. SciPy's is column-major, so a row-major matrix is
handed over as its transpose, which costs nothing.
"""

from functools import cache

import numpy as np
from scipy.linalg import blas, lapack

# Up to this many multiplications OpenBLAS starts no threads, and NumPy's call is the shorter one.
SMALL = 32**3


@cache
def blas_function(name, dtype):
    """A function of BLAS for a dtype's name or letter."""
    return blas.get_blas_funcs(name, dtype=dtype)


@cache
def lapack_function(name, dtype):
    """A function of LAPACK for a dtype's name or letter."""
    return lapack.get_lapack_funcs(name, dtype=dtype)


def product(a, b, out=None, add=False):
    """A B, into ``out`` or added to what is there.

    ``out`` must be row-major, of the dtype of A and B, and no part of them.
    """
    if out is None and a.size * b.shape[1] <= SMALL:
        return a @ b
    gemm = blas_function("gemm", a.dtype.name)
    # (A B)^T = B^T A^T.
    if out is None:
        return gemm(1, b.T, a.T).T
    gemm(1, b.T, a.T, float(add), out.T, overwrite_c=True)
    return out


def product_hconj(a, b):
    """A B^H."""
    if a.size * len(b) <= SMALL:
        return a @ b.conj().T
    return blas_function("gemm", a.dtype.name)(1, b.T, a.T, trans_a=2).T


def hconj_product(a, b):
    """A^H B."""
    if b.size * a.shape[1] <= SMALL:
        return a.conj().T @ b
    return blas_function("gemm", a.dtype.name)(1, b.T, a.T, trans_b=2).T


def conj_gram(a):
    """Lower triangle of the conjugate of A^H A, column-major, zeros above: A^T, as BLAS has A."""
    name = "herk" if np.iscomplexobj(a) else "syrk"
    return blas_function(name, a.dtype.name)(1, a.T, lower=True)


def frobenius_norm(a):
    """Frobenius norm by SciPy's BLAS; NumPy's takes NumPy's."""
    return float(blas_function("nrm2", a.dtype.char)(a.ravel()))


def norm_bound(a):
    r"""Upper bound of the 2-norm, :math:`\min(\|A\|_F, \sqrt{\|A\|_1 \|A\|_\infty})`."""
    if not a.size:
        return 0.0
    size = np.abs(a)
    columns, rows = (float(size.sum(axis).max()) for axis in (0, 1))
    # The root of each, so that their product cannot overflow.
    return min(frobenius_norm(a), columns**0.5 * rows**0.5)


@cache
def start(n, dtype):
    """A unit vector to start power iteration from, read-only.

    No matrix is made to have it among its small singular vectors.
    """
    v = np.cos(np.arange(1.0, n + 1) ** 2)
    v = (v / np.linalg.norm(v)).astype(dtype)
    v.flags.writeable = False
    return v


@cache
def smallest_normal(dtype):
    """The smallest number of full precision."""
    return float(np.finfo(dtype).tiny)


def spectral_norm(a, steps=3):
    """Estimate of the 2-norm of a row-major matrix from below, by power iteration on A^H A.

    Nothing may rest on it alone: a large singular vector can hide from the start.
    """
    kind, at = a.dtype.char, a.T
    gemv, nrm2 = blas_function("gemv", kind), blas_function("nrm2", kind)
    v, size = start(a.shape[1], kind), 1.0
    # Quotients of complex numbers by denormal ones overflow.
    tiny = smallest_normal(kind)
    for _ in range(steps):
        w = gemv(1, at, v / v.real.dtype.type(size), trans=1)
        if not tiny <= (size := nrm2(w)) < np.inf:
            break
        v = gemv(1, at, (w / w.real.dtype.type(size)).conj()).conj()
        if not tiny <= (size := nrm2(v)) < np.inf:
            break
    return float(size)
