r"""Exponential of a real skew-symmetric matrix and its derivative, in real arithmetic.

Householder reflections give A = Q T Q^T with T skew and tridiagonal. Its entries join even rows with
odd ones only, so that, even rows and columns first, T = [[0, B], [-B^T, 0]] with B bidiagonal of half
the size. With B = X S Y^T and R = [Q_even X, Q_odd Y], A = R [[0, S], [-S^T, 0]] R^T: a real Schur
form, of an error of rounding for repeated and zero eigenvalues too. Then

.. math:: \exp A = R \begin{pmatrix} \cos S & \sin S \\ -\sin S & \cos S \end{pmatrix} R^T .

In place of a complex eigenproblem and complex products this takes a real reduction, singular values
of half the size and real products. Source for the form: Paardekooper (1971); Ward and Gray (1978).
"""

import numpy as np
from scipy.linalg import lapack, svd

from unitarygraph.core.blas import hconj_product, product, product_hconj


def skew_schur(a):
    """Angles s (p,), p = ceil(n/2), the last one 0 if n is odd, and R^T (n, n)."""
    n = len(a)
    p, q = (n + 1) // 2, n // 2
    # a.T is column-major as LAPACK wants it, and -A.
    skew = (a.T - a) * a.dtype.type(0.5)
    if n > 2:
        gehrd, orghr = lapack.get_lapack_funcs(("gehrd", "orghr"), (skew,))
        reduced, tau, _ = gehrd(skew, lwork=32 * n)
        below = -np.diagonal(reduced, -1)
        basis = orghr(reduced, tau, lwork=32 * n, overwrite_a=True)[0].T
    else:
        below, basis = -np.diagonal(skew, -1), np.eye(n, dtype=a.dtype)
    half = np.zeros((p, q), a.dtype, order="F")
    index = np.arange(q)
    half[index, index] = -below[::2]
    half[index[: p - 1] + 1, index[: p - 1]] = below[1::2]
    x, s, yt = svd(half, check_finite=False, overwrite_a=True)
    rt = np.empty_like(a, order="C")
    rt[:p] = product(x.T, np.ascontiguousarray(basis[::2]))
    rt[p:] = product(yt, np.ascontiguousarray(basis[1::2]))
    return np.concatenate([s, np.zeros(p - q, a.dtype)]), rt


def real_exponential(a):
    """exp A, the rotation angle of each column of R, and R^T, for one real skew-symmetric matrix."""
    if not a.size:
        return a, a[:, 0], a
    s, rt = skew_schur(a)
    p, q = len(s), len(a) // 2
    cos, sin = np.cos(s)[:, None], np.sin(s)[:q, None]
    turned = np.empty_like(rt)
    turned[:p] = cos * rt[:p]
    turned[:q] += sin * rt[p:]
    turned[p:] = cos[:q] * rt[p:] - sin * rt[:q]
    return hconj_product(rt, turned), np.concatenate([s, s[:q]]), rt


def real_frechet(w, rt, e, sign):
    """L_A(E) for one matrix, or with ``sign=-1`` its adjoint."""
    n = len(rt)
    if not n:
        return e
    p = (n + 1) // 2
    # An odd n is embedded in n + 1 with a zero row and column, which changes nothing else.
    blocks = np.zeros((2 * p, 2 * p), e.dtype)
    blocks[:n, :n] = product_hconj(product(rt, e), rt)
    e11, e12, e21, e22 = blocks[:p, :p], blocks[:p, p:], blocks[p:, :p], blocks[p:, p:]
    # In the eigenvectors x +- iy: V+^H E V+ (equal signs) and V+^H E V- (opposite ones), each times
    # Phi; the two other blocks are their conjugates.
    a, b = rotated(e11 + e22, e12 - e21, w[:p], w[:p], sign)
    c, d = rotated(e11 - e22, -(e12 + e21), w[:p], -w[:p], sign)
    e11[...], e12[...], e21[...], e22[...] = a + c, b - d, -(b + d), a - c
    return product(hconj_product(rt, np.ascontiguousarray(blocks[:n, :n])), rt)


def rotated(x, y, s, t, sign):
    """Real and imaginary part of Phi o (x + iy)/2, Phi of the eigenvalues i s_j and i t_k."""
    half = s.dtype.type(0.5)
    scale = sinc((s[:, None] - t) * half) * half
    angle = (s[:, None] + t) * (half * sign)
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    return cos * x - sin * y, cos * y + sin * x


def sinc(t):
    """sin t / t, 1 at 0."""
    small = np.abs(t) < np.finfo(t.dtype).tiny
    return np.divide(np.sin(t), t, out=np.ones_like(t), where=~small)
