r"""Polar decomposition of small matrices in lanes, and its adjoint.

One-sided rotations on the columns of :math:`R^H`, A = Q R, which are nearer to orthogonal than those
of A: with :math:`R^H X = W \mathrm{diag}(s)`, X unitary, :math:`U = Q X W^H` and
:math:`P = W \mathrm{diag}(s) W^H`. Source: Drmac and Veselic, SIAM J. Matrix Anal. Appl. 29 (2008) 1322.
"""

import numpy as np
from numba import njit

from unitarygraph.kernels.small.driver import LaneFunction
from unitarygraph.kernels.small.jacobi import orthogonalize_columns
from unitarygraph.kernels.small.lane_numbers import (
    any_lane,
    at,
    choose,
    conj,
    entry,
    larger,
    power_of_two_below,
    put,
    put_entry,
    real,
    size1,
    sqrt,
    square,
    zero_of,
)
from unitarygraph.kernels.small.matrices import largest_entry, least_normal, set_identity
from unitarygraph.kernels.small.products import (
    OPTIONS,
    hconj_multiply,
    multiply,
    multiply_hconj,
)
from unitarygraph.kernels.small.qr import qr


@njit(**OPTIONS)
def power_of_matrix(a):
    """A power of two near A's largest entry, by which A is divided; of 0 the least."""
    top = least_normal(a)
    for i in range(a.shape[-3]):
        for j in range(a.shape[-2]):
            # Halves, since the sum of two parts may overflow.
            top = larger(size1(at(a, i, j) * 0.5), top)
    power = power_of_two_below(top)
    for i in range(a.shape[-3]):
        for j in range(a.shape[-2]):
            put(a, i, j, at(a, i, j) / power)
    return power


@njit(**OPTIONS)
def polar(a, u, p, s, v, q, w, z, x, turn, tau, scale):
    """a = u p, p's eigenvalues s and eigenvectors v; a is lost. False where it is nearly singular.

    Work: ``q`` (m, n), ``w`` and ``z`` (n, m), ``x`` (n, n), ``turn`` (1, n), ``tau`` and ``scale`` (n,).
    """
    n = a.shape[-2]
    power = power_of_matrix(a)
    # Of the zero matrix, which matrices of NaN are here, U is I and P is 0.
    nothing = largest_entry(a) <= 0.0
    if any_lane(nothing):
        power = choose(nothing, 0.0, power)
        for j in range(n):
            put(a, j, j, choose(nothing, 1.0, at(a, j, j)))
    qr(a, q, v, w, z, turn, s, tau, scale)
    for i in range(n):
        for j in range(n):
            put(p, i, j, conj(at(v, i, j)))
    set_identity(x, 1.0)
    done = orthogonalize_columns(p, x, s)
    top, bottom = real(zero_of(a)), real(zero_of(a)) + np.inf
    for j in range(n):
        total = real(zero_of(a))
        for i in range(n):
            total += square(at(p, j, i))
        size = sqrt(total)
        top, bottom = larger(top, size), -larger(-bottom, -size)
        put_entry(s, j, size)
        for i in range(n):
            put(v, i, j, at(p, j, i) / size)
    if not done or any_lane(bottom <= top * np.finfo(a.dtype).eps):
        return False
    # X W^H, X being kept by columns.
    for i in range(n):
        for j in range(n):
            total = zero_of(a)
            for k in range(n):
                total += at(x, k, i) * conj(at(v, j, k))
            put(p, i, j, total)
    multiply(q, p, u)
    for i in range(n):
        for j in range(i, n):
            total = zero_of(a)
            for k in range(n):
                total += at(v, i, k) * entry(s, k) * conj(at(v, j, k))
            put(p, i, j, total * power)
            put(p, j, i, conj(total) * power)
        put(p, i, i, real(at(p, i, i)))
    for j in range(n):
        put_entry(s, j, entry(s, j) * power)
    return True


@njit(**OPTIONS)
def polar_pullback(u, s, v, u_bar, p_bar, of_u, of_p, a_bar, y, b, k, e, c):
    r""":math:`\bar A = (U V E + Z\,\mathrm{diag}(s)^{-1}) V^H` of `PolarPullback`.

    Work: ``y``, ``b`` (m, n), ``k``, ``e``, ``c`` (n, n).
    """
    m, n = u.shape[-3], u.shape[-2]
    multiply(u, v, y)
    if of_p:
        for i in range(n):
            for j in range(i, n):
                x = 0.5 * (at(p_bar, i, j) + conj(at(p_bar, j, i)))
                put(k, i, j, x)
                put(k, j, i, conj(x))
        multiply(k, v, c)
        hconj_multiply(v, c, e)
    else:
        for i in range(n):
            for j in range(n):
                put(e, i, j, zero_of(u))
    if of_u:
        multiply(u_bar, v, b)
        hconj_multiply(y, b, k)
    else:
        for i in range(n):
            for j in range(n):
                put(k, i, j, zero_of(u))
    for i in range(n):
        for j in range(i, n):
            si, sj = entry(s, i), entry(s, j)
            eij, eji, kij, kji = at(e, i, j), at(e, j, i), at(k, i, j), at(k, j, i)
            d = (kij - conj(kji) - eij * (sj - si)) / (si + sj)
            upper, lower = eij + d, eji - conj(d)
            if of_u and m > n:
                upper = upper - kij / sj
                lower = lower - kji / si
            put(e, i, j, upper)
            if i < j:
                put(e, j, i, lower)
    multiply(y, e, a_bar)
    if of_u and m > n:
        for i in range(m):
            for j in range(n):
                put(a_bar, i, j, at(a_bar, i, j) + at(b, i, j) / entry(s, j))
    for i in range(m):
        for j in range(n):
            put(y, i, j, at(a_bar, i, j))
    multiply_hconj(y, v, a_bar)


@njit(**OPTIONS)
def pullback_of_both(u, s, v, u_bar, p_bar, a_bar, y, b, k, e, c):
    """`polar_pullback` of both cotangents."""
    polar_pullback(u, s, v, u_bar, p_bar, True, True, a_bar, y, b, k, e, c)


@njit(**OPTIONS)
def pullback_of_u(u, s, v, u_bar, a_bar, y, b, k, e, c):
    """`polar_pullback` of U_bar."""
    polar_pullback(u, s, v, u_bar, v, True, False, a_bar, y, b, k, e, c)


@njit(**OPTIONS)
def pullback_of_p(u, s, v, p_bar, a_bar, y, b, k, e, c):
    """`polar_pullback` of P_bar."""
    polar_pullback(u, s, v, u, p_bar, False, True, a_bar, y, b, k, e, c)


# Of a few larger matrices most lanes would be empty: LAPACK is the faster one.
FEW = "n <= 16 or count >= 4"
PULLBACKS = {
    (True, True): pullback_of_both,
    (True, False): pullback_of_u,
    (False, True): pullback_of_p,
}


def lane_function(op):
    """That of an Op of `unitarygraph.ops.polar`."""
    if type(op).__name__ == "Polar":
        work = "F(m,n),F(n,m),F(n,m),F(n,n),F(1,n),R(n),R(n)"
        return LaneFunction(polar, work, checked=True, suits=FEW)
    return LaneFunction(PULLBACKS[op.of_u, op.of_p], "F(m,n),F(m,n),F(n,n),F(n,n),F(n,n)")
