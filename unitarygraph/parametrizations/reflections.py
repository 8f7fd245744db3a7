"""Products of Householder reflections: as a graph, and the reflectors of a given matrix."""

import numpy as np
import pytensor.tensor as pt

from unitarygraph.stacked import functions as stacked_functions
from unitarygraph.stacked.algebra import algebra
from unitarygraph.stacked.ops import Solve


def compact_wy(V, field):
    r"""Matrices U, K with :math:`H_1 \cdots H_m = I - U K`, H_j the reflection of V's column j.

    V is ``(n, m)`` as stored; above its diagonal nothing is read, so column j reflects the last n-j
    coordinates. With U the columns at unit length, :math:`K = T^{-1} U^H`, T the strict upper triangle
    of :math:`U^H U` plus I/2: triangular, of diagonal 1/2, never singular. A column that is zero, or
    shorter than the root of tiny / epsilon (1e-146, in float32 3e-16), stands for I and gets no gradient.

    Costs two products of n m^2 and n m^2 / 2. Source: Schreiber and Van Loan (1989); T as in Joffrain,
    Low, Quintana-Orti, van de Geijn and Van Zee (2006).
    """
    matrices, dtype = algebra(field), V.type.dtype
    n, m = V.type.shape[-2:]
    V = matrices.scale_entries(V, pt.constant(np.tril(np.ones((n, m), dtype))))
    squares = pt.square(V).sum(axis=list(range(-matrices.axes, -1)))
    found = squares > np.asarray(np.finfo(dtype).tiny / np.finfo(dtype).eps, dtype)
    U = matrices.scale_columns(
        V, pt.switch(found, 1 / pt.sqrt(pt.switch(found, squares, 1)), pt.zeros_like(squares))
    )
    above = pt.constant(np.triu(np.ones((m, m), dtype), 1))
    T = matrices.scale_entries(matrices.matmul(matrices.hconj(U), U), above)
    T = T + matrices.eye(m, dtype) * np.asarray(0.5, dtype)
    return U, Solve(field, "upper")(T, matrices.hconj(U))


def turned_columns(A, angles):
    r"""A diag(e^{i t}), stacked ``(..., 2, m, n)``, for real angles ``(n,)``."""
    turn = stacked_functions.stack(pt.cos(angles)[None, :], pt.sin(angles)[None, :])
    return stacked_functions.mul(A, turn)


def reflectors_of(W, m, phases):
    r"""NumPy V ``(n, m)`` and d ``(n,)`` such that W is H_1 ... H_m diag(d), where there are such.

    Column j of V is zero, or at unit length makes column j of what is left of W the coordinate
    vector e_j times d_j. With ``phases`` d_j is chosen against cancellation, minus the phase of the
    entry; else d = 1. That the result gives W is for the caller to check.
    """
    n = len(W)
    V, d, rest = np.zeros((n, m), W.dtype), np.ones(n, W.dtype), W.copy()
    for j in range(m):
        x = rest[j:, j].copy()
        if phases:
            d[j] = -_phase(x[0])
            x[0] -= d[j]
        else:
            below = np.vdot(x[1:], x[1:]).real
            x[0] = -below / (1 + x[0].real) if x[0].real > 0 else x[0].real - 1
            # What rounding leaves of a zero vector is no direction to reflect in.
            x *= np.linalg.norm(x) > 4 * n * np.finfo(float).eps
        if length := np.linalg.norm(x):
            x /= length
            V[j:, j] = x
            rest[j:, j:] -= 2 * np.outer(x, x.conj() @ rest[j:, j:])
    if phases:
        d[m:] = [_phase(z) for z in np.diagonal(rest)[m:]]
    return V, d


def reflected(V, A):
    """H_1 ... H_m A for NumPy matrices, V with columns of unit length or zero."""
    for v in V.T[::-1]:
        A = A - 2 * np.outer(v, v.conj() @ A)
    return A


def _phase(z):
    return z / abs(z) if z else 1.0
