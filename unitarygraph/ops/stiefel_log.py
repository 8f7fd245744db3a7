"""Riemannian logarithm of matrices with orthonormal columns, by iteration on values."""

import numpy as np
from pytensor.gradient import grad_not_implemented
from scipy.linalg import det, expm, schur, solve_sylvester

from unitarygraph.core.blas import hconj_product, product, product_hconj
from unitarygraph.core.lapack import thin_qr, thin_svd
from unitarygraph.core.matrix_op import MatrixOp

#: iterations after which points count as too far apart
MOST = 100
#: length of C, a row of V, at which it is zero to rounding; everything is computed in double
CLOSE = 3e-15


class StiefelLog(MatrixOp):
    r"""Tangent U at X with :math:`\mathrm{Exp}_X(U) = Y` in the canonical metric; NaN if not found.

    With Q an orthonormal basis of the columns of Y beyond those of X, the unitary V whose first
    columns are [X^H Y; Q^H Y] has :math:`\log V = [[A, -B^H], [B, C]]`; its other columns are turned
    until C = 0, when U = X A + Q B. Source: Zimmermann and Hueper (2022), "Computing the Riemannian
    logarithm on the Stiefel manifold: metrics, methods, and performance", algorithm 4.
    """

    title = "log"
    arguments = ("X", "Y")
    signature = "F(n,p),F(n,p)->F(n,p)"
    conditions = (("n >= p", "X must have at least as many rows as columns"),)
    no_array = "the logarithm of Stiefel manifolds is an iteration on values, of unknown length"

    def matrix(self, x, y):
        return stiefel_log(x, y)

    def pullback(self, inputs, outputs, cotangents):
        why = "the logarithm of Stiefel manifolds is computed by iteration on values"
        return [grad_not_implemented(self, i, value, why) for i, value in enumerate(inputs)]


def stiefel_log(x, y):
    """The logarithm for one pair of NumPy matrices."""
    dtype, eps, p = x.dtype, np.finfo(x.dtype).eps, x.shape[1]
    x, y = (a.astype(np.promote_types(dtype, "float64")) for a in (x, y))
    q = _basis_beyond(x, y, eps)
    v = _completed(np.vstack([hconj_product(x, y), hconj_product(q, y)]))
    for _ in range(MOST):
        log = _log_unitary(v)
        if log is None:
            break
        a, b, c = log[:p, :p], log[p:, :p], log[p:, p:]
        if np.linalg.norm(c) <= CLOSE * len(v):
            return (product(x, a) + product(q, b)).astype(dtype)
        s = product_hconj(b, b) / 12 - np.eye(len(c)) / 2
        v[:, p:] = product(v[:, p:], expm(solve_sylvester(s, s, c)))
    return np.full_like(x, np.nan, dtype=dtype)


def _basis_beyond(x, y, eps):
    """Orthonormal basis of the columns of (I - X X^H) Y, to rounding."""
    w, size, _ = thin_svd(y - product(x, hconj_product(x, y)))
    w = w[:, (size > 100 * eps) & (np.arange(len(size)) < x.shape[0] - x.shape[1])]
    return thin_qr(w - product(x, hconj_product(x, w)))[0] if w.size else w


def _completed(columns):
    """Unitary matrix with these first columns, its lower right block positive semidefinite.

    In the real field its determinant is 1, at the price of one negative eigenvalue of the block.
    """
    full, p = len(columns), columns.shape[1]
    first, _, first_h = thin_svd(columns)
    rest = thin_qr(np.hstack([columns, np.eye(full, dtype=columns.dtype)]))[0][:, p:full]
    first = product(first, first_h)
    if full == p:
        return first
    d, _, rh = thin_svd(rest[p:])
    v = np.hstack([first, product_hconj(product_hconj(rest, rh), d)])
    if not np.iscomplexobj(v) and det(v) < 0:
        v[:, p:] -= 2 * np.outer(v[:, p:] @ d[:, -1], d[:, -1])
    return v


def _log_unitary(v):
    """Principal logarithm, None where a real V has none."""
    t, q = schur(v.astype("complex128"), output="complex")
    angles = np.angle(np.diagonal(t))
    log = product_hconj(q * (1j * angles), q)
    if np.iscomplexobj(v):
        return (log - log.conj().T) / 2
    if np.pi - np.abs(angles).max(initial=0) < 1e-8:
        return None
    return (log.real - log.real.T) / 2
