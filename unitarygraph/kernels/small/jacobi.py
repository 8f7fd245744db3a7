"""Jacobi's rotations in lanes: columns made orthogonal, Hermitian matrices made diagonal.

All pairs of columns are gone through, sweep after sweep, until no lane has a pair left that is not
orthogonal to rounding; a lane that is done waits in rotations by nothing. What is not done after
`SWEEPS` is left to LAPACK. Matrices are kept by columns, as in `unitarygraph.kernels.small.qr`.
Source: Golub and Van Loan, Matrix Computations (4th ed., 2013), sections 8.5 and 8.6.3.
"""

import numpy as np
from numba import njit

from unitarygraph.kernels.small.lane_numbers import (
    any_lane,
    at,
    choose,
    conj,
    entry,
    put,
    put_entry,
    real,
    sqrt,
    square,
    zero_of,
)
from unitarygraph.kernels.small.products import OPTIONS

#: More than twice what random matrices of the sizes that come here take.
SWEEPS = 30


@njit(**OPTIONS)
def rotation(a, b, g, far):
    r"""(c, s, shift) that diagonalize [[a, g], [g^*, b]]: the eigenvalues are a - shift, b + shift.

    Columns x, y become c x - s^* y, s x + c y; where ``far`` is false, nothing.
    """
    d, gg = b - a, square(g)
    r = sqrt(d * d + 4.0 * gg)
    root = choose(d >= 0.0, d + r, d - r)
    f = choose(far, 2.0 / choose(far, root, 1.0), 0.0)
    t = g * f
    c = 1.0 / sqrt(1.0 + square(t))
    return c, t * c, f * gg


@njit(**OPTIONS)
def rotate(x, p, q, c, s):
    """Columns p and q turned."""
    back = conj(s)
    for i in range(x.shape[-2]):
        u, v = at(x, p, i), at(x, q, i)
        put(x, p, i, c * u - back * v)
        put(x, q, i, s * u + c * v)


@njit(**OPTIONS)
def orthogonalize_columns(x, v, size):
    """Columns of X become orthogonal, X V what it was; their squares are ``size``.

    Entries must be of size 1. Returns whether it is done.
    """
    n, m = x.shape[-3], x.shape[-2]
    eps = np.finfo(x.dtype).eps
    tolerance = x.dtype.type(m) * eps * eps
    zero = real(zero_of(x))
    for _ in range(SWEEPS):
        for j in range(n):
            total = zero
            for i in range(m):
                total += square(at(x, j, i))
            put_entry(size, j, total)
        moved = zero < zero
        for p in range(n - 1):
            for q in range(p + 1, n):
                g, h = zero_of(x), zero_of(x)
                for i in range(0, m - 1, 2):
                    g += conj(at(x, p, i)) * at(x, q, i)
                    h += conj(at(x, p, i + 1)) * at(x, q, i + 1)
                if m % 2:
                    g += conj(at(x, p, m - 1)) * at(x, q, m - 1)
                g += h
                a, b = entry(size, p), entry(size, q)
                far = square(g) > tolerance * a * b
                if any_lane(far):
                    moved = moved | far
                    c, s, shift = rotation(a, b, g, far)
                    put_entry(size, p, a - shift)
                    put_entry(size, q, b + shift)
                    rotate(x, p, q, c, s)
                    rotate(v, p, q, c, s)
        if not any_lane(moved):
            return True
    return False


@njit(**OPTIONS)
def diagonalize(h, v):
    """The Hermitian H, of which the part above the diagonal counts, becomes diagonal, V H V^H it was.

    Entries must be of size 1. Returns whether it is done.
    """
    n = h.shape[-2]
    eps = np.finfo(h.dtype).eps
    zero = real(zero_of(h))
    total = zero
    for i in range(n):
        total += square(at(h, i, i))
        for j in range(i + 1, n):
            total += 2.0 * square(at(h, i, j))
    limit = total * (eps * eps / 4)
    least = limit * (1e-3 / max(n * n, 1))
    for _ in range(SWEEPS):
        off = zero
        for i in range(n):
            for j in range(i + 1, n):
                off += square(at(h, i, j))
        if not any_lane(off > limit):
            return True
        for p in range(n - 1):
            for q in range(p + 1, n):
                g = at(h, p, q)
                far = square(g) > least
                if any_lane(far):
                    a, b = real(at(h, p, p)), real(at(h, q, q))
                    c, s, shift = rotation(a, b, g, far)
                    back = conj(s)
                    put(h, p, p, a - shift)
                    put(h, q, q, b + shift)
                    put(h, p, q, choose(far, 0.0, g))
                    for k in range(p):
                        x, y = at(h, k, p), at(h, k, q)
                        put(h, k, p, c * x - back * y)
                        put(h, k, q, s * x + c * y)
                    for k in range(p + 1, q):
                        x, y = conj(at(h, p, k)), at(h, k, q)
                        put(h, p, k, conj(c * x - back * y))
                        put(h, k, q, s * x + c * y)
                    for k in range(q + 1, n):
                        x, y = at(h, p, k), at(h, q, k)
                        put(h, p, k, c * x - s * y)
                        put(h, q, k, back * x + c * y)
                    rotate(v, p, q, c, s)
    return False
