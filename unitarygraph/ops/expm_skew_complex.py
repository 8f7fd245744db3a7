"""Exponential of a skew-Hermitian matrix and its derivative by eigenvectors, in NumPy and LAPACK."""

import numpy as np
from scipy.linalg import eigh

from unitarygraph.core.blas import hconj_product, product, product_hconj


def skew_exponential(a):
    """exp A, eigenvalues w of -iA and V^H, V the eigenvectors, of one skew-Hermitian matrix."""
    # To LAPACK the row-major H = -iA is its transpose, which is its conjugate: the eigenvectors
    # come as V's conjugates, column-major, which is V^H, row-major.
    h = (a - a.conj().T) * a.dtype.type(-0.5j)
    w, x = eigh(h.T, driver="evd", check_finite=False, overwrite_a=True)
    vh = x.T
    return hconj_product(vh, np.exp(1j * w).astype(a.dtype)[:, None] * vh), w, vh


def skew_frechet(w, vh, e, sign):
    """V (Phi o (V^H E V)) V^H for one matrix; ``sign=-1`` conjugates Phi."""
    m = product_hconj(product(vh, e), vh)
    phase = np.exp(0.5j * sign * w).astype(vh.dtype)
    m *= phase[:, None] * phase
    m *= sinc((w[:, None] - w) * w.dtype.type(0.5))
    return product(hconj_product(vh, m), vh)


def sinc(t):
    """sin t / t, 1 at 0."""
    small = np.abs(t) < np.finfo(t.dtype).tiny
    return np.divide(np.sin(t), t, out=np.ones_like(t), where=~small)
