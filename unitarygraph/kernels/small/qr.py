"""QR decomposition of small matrices in lanes, and its adjoint.

Householder's reflections, each column scaled by a power of two before and where it is reflected, so
that no square overflows or vanishes: A diag(d) has the same Q. Work is kept by columns, ``w[j, i]``
is entry (i, j): what a loop reads lies together.
"""

import numpy as np
from numba import njit

from unitarygraph.kernels.small.driver import LaneFunction
from unitarygraph.kernels.small.lane_numbers import (
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
from unitarygraph.kernels.small.products import OPTIONS, hconj_multiply, multiply


@njit(**OPTIONS)
def reflect(w, j, t, x, first):
    """Columns of X from ``first`` on become :math:`(I - t v v^H) x`, v the column j of W from j on."""
    n, m = x.shape[-3], x.shape[-2]
    for k in range(first, n - (n - first) % 2, 2):
        s0, s1 = zero_of(x), zero_of(x)
        for i in range(j, m):
            v = conj(at(w, j, i))
            s0 += v * at(x, k, i)
            s1 += v * at(x, k + 1, i)
        s0, s1 = s0 * t, s1 * t
        for i in range(j, m):
            v = at(w, j, i)
            put(x, k, i, at(x, k, i) - s0 * v)
            put(x, k + 1, i, at(x, k + 1, i) - s1 * v)
    for k in range(n - (n - first) % 2, n):
        s0 = zero_of(x)
        for i in range(j, m):
            s0 += conj(at(w, j, i)) * at(x, k, i)
        s0 = s0 * t
        for i in range(j, m):
            put(x, k, i, at(x, k, i) - s0 * at(w, j, i))


@njit(**OPTIONS)
def power_of_columns(a, w, scale):
    """w = a^T with each column divided by a power of two, to entries of size 1."""
    m, n = a.shape[-3], a.shape[-2]
    least = np.finfo(a.dtype).tiny
    for j in range(n):
        top = real(zero_of(a))
        for i in range(m):
            # Halves, since the sum of two parts may overflow.
            top = larger(size1(at(a, i, j) * 0.5), top)
        power = power_of_two_below(larger(top, real(zero_of(a)) + least))
        put_entry(scale, j, power)
        for i in range(m):
            put(w, j, i, at(a, i, j) / power)


@njit(**OPTIONS)
def reflectors(w, sigma, turn, tau):
    """W's columns become Householder's vectors, with R's rows in what is left of them.

    ``sigma`` is R's diagonal, ``turn`` what Q's columns must be turned by for it to be positive, and
    ``tau`` the factor of each reflection.
    """
    n, m = w.shape[-3], w.shape[-2]
    least = np.finfo(w.dtype).tiny
    one = zero_of(w) + 1.0
    for j in range(n):
        top = size1(at(w, j, j))
        for i in range(j + 1, m):
            top = larger(size1(at(w, j, i)), top)
        live = top >= least
        power = power_of_two_below(choose(live, top, 1.0))
        alpha = at(w, j, j) / power
        tail = real(zero_of(w))
        for i in range(j + 1, m):
            x = at(w, j, i) / power
            put(w, j, i, x)
            tail += square(x)
        own = square(alpha)
        norm, size = sqrt(tail + own), sqrt(own)
        there = size > 0.0
        phase = choose(there, alpha / choose(there, size, 1.0), one)
        # Of modulus one to one rounding, as the columns of Q will be.
        phase = phase * (1.5 - 0.5 * square(phase))
        head = phase * (norm + size)
        t = choose(live, 2.0 / choose(live, tail + square(head), 1.0), 0.0)
        put(w, j, j, head)
        put_entry(tau, j, t)
        put_entry(sigma, j, choose(live, norm, 0.0) * power)
        put(turn, 0, j, choose(live, -phase, one))
        reflect(w, j, t, w, j + 1)


@njit(**OPTIONS)
def orthonormal_columns(w, turn, tau, q):
    """Q^T of `reflectors`."""
    n, m = w.shape[-3], w.shape[-2]
    for j in range(n - 1, -1, -1):
        d, t = at(turn, 0, j), entry(tau, j)
        s = conj(at(w, j, j)) * d * t
        for i in range(j):
            put(q, j, i, zero_of(w))
        put(q, j, j, d - s * at(w, j, j))
        for i in range(j + 1, m):
            put(q, j, i, -(s * at(w, j, i)))
        reflect(w, j, t, q, j + 1)


@njit(**OPTIONS)
def qr(a, q, r, w, x, turn, sigma, tau, scale):
    """a = q r with r's diagonal positive; the rest is work.

    ``w``, ``x`` (n, m), ``turn`` (1, n), the others (n,).
    """
    m, n = a.shape[-3], a.shape[-2]
    power_of_columns(a, w, scale)
    reflectors(w, sigma, turn, tau)
    orthonormal_columns(w, turn, tau, x)
    for j in range(n):
        for i in range(m):
            put(q, i, j, at(x, j, i))
        for i in range(j):
            put(r, j, i, zero_of(a))
        put(r, j, j, entry(sigma, j) * entry(scale, j))
        back = conj(at(turn, 0, j))
        for k in range(j + 1, n):
            put(r, j, k, back * at(w, k, j) * entry(scale, k))


@njit(**OPTIONS)
def qr_pullback(q, r, q_bar, r_bar, of_q, of_r, a_bar, g, x):
    r""":math:`\bar A = (\bar Q + Q\,\mathrm{copyltu}(M)) R^{-H}` of `QRPullback`.

    Work: ``g`` (n, n), ``x`` (m, n). NaN where a diagonal entry of R is 0.
    """
    m, n = q.shape[-3], q.shape[-2]
    if of_q:
        hconj_multiply(q_bar, q, g)
    # Of M what is not above the diagonal, and its mirror image.
    regular = real(zero_of(q)) + 1.0
    for i in range(n):
        for j in range(i + 1):
            total = -at(g, i, j) if of_q else zero_of(q)
            if of_r:
                for k in range(i, n):
                    total += at(r, i, k) * conj(at(r_bar, j, k))
            put(g, i, j, total)
            put(g, j, i, conj(total))
        put(g, i, i, real(at(g, i, i)))
        regular = choose(real(at(r, i, i)) > 0.0, regular, np.nan)
    multiply(q, g, x)
    least = real(zero_of(q)) + np.finfo(q.dtype).tiny
    for j in range(n - 1, -1, -1):
        # 1/d in two factors, neither of which overflows where the quotient does not.
        d = real(at(r, j, j))
        power = power_of_two_below(larger(d, least))
        first, second = regular / (d / power), 1.0 / power
        for i in range(m):
            total = at(x, i, j)
            if of_q:
                total += at(q_bar, i, j)
            for k in range(j + 1, n):
                total -= at(a_bar, i, k) * conj(at(r, j, k))
            put(a_bar, i, j, total * first * second)


@njit(**OPTIONS)
def pullback_of_both(q, r, q_bar, r_bar, a_bar, g, x):
    """`qr_pullback` of both cotangents."""
    qr_pullback(q, r, q_bar, r_bar, True, True, a_bar, g, x)


@njit(**OPTIONS)
def pullback_of_q(q, r, q_bar, a_bar, g, x):
    """`qr_pullback` of Q_bar."""
    qr_pullback(q, r, q_bar, r, True, False, a_bar, g, x)


@njit(**OPTIONS)
def pullback_of_r(q, r, r_bar, a_bar, g, x):
    """`qr_pullback` of R_bar."""
    qr_pullback(q, r, q, r_bar, False, True, a_bar, g, x)


PULLBACKS = {
    (True, True): pullback_of_both,
    (True, False): pullback_of_q,
    (False, True): pullback_of_r,
}


def lane_function(op):
    """That of an Op of `unitarygraph.ops.qr`."""
    if type(op).__name__ == "QR":
        return LaneFunction(
            qr, "F(n,m),F(n,m),F(1,n),R(n),R(n),R(n)", suits="n <= 20 or count >= 2"
        )
    return LaneFunction(PULLBACKS[op.of_q, op.of_r], "F(n,n),F(m,n)")
