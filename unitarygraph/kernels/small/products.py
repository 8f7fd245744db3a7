"""Products of small matrices in lanes.

Four entries of a row of the result are summed at a time: their sums do not wait for one another.
"""

from numba import njit

from unitarygraph.kernels.options import INNER as OPTIONS
from unitarygraph.kernels.small.lane_numbers import at, conj, plus_product, put, zero_of


@njit(**OPTIONS)
def multiply(a, b, c):
    """c = a b."""
    m, inner, n = a.shape[-3], a.shape[-2], b.shape[-2]
    for i in range(m):
        for j in range(0, n - 3, 4):
            c0, c1, c2, c3 = zero_of(a), zero_of(a), zero_of(a), zero_of(a)
            for k in range(inner):
                x = at(a, i, k)
                c0 += x * at(b, k, j)
                c1 += x * at(b, k, j + 1)
                c2 += x * at(b, k, j + 2)
                c3 += x * at(b, k, j + 3)
            put(c, i, j, c0)
            put(c, i, j + 1, c1)
            put(c, i, j + 2, c2)
            put(c, i, j + 3, c3)
        for j in range(n - n % 4, n):
            c0 = zero_of(a)
            for k in range(inner):
                c0 += at(a, i, k) * at(b, k, j)
            put(c, i, j, c0)


@njit(**OPTIONS)
def multiply_hconj(a, b, c):
    """c = a b^H."""
    m, inner, n = a.shape[-3], a.shape[-2], b.shape[-3]
    for i in range(m):
        for j in range(0, n - 3, 4):
            c0, c1, c2, c3 = zero_of(a), zero_of(a), zero_of(a), zero_of(a)
            for k in range(inner):
                x = at(a, i, k)
                c0 += x * conj(at(b, j, k))
                c1 += x * conj(at(b, j + 1, k))
                c2 += x * conj(at(b, j + 2, k))
                c3 += x * conj(at(b, j + 3, k))
            put(c, i, j, c0)
            put(c, i, j + 1, c1)
            put(c, i, j + 2, c2)
            put(c, i, j + 3, c3)
        for j in range(n - n % 4, n):
            c0 = zero_of(a)
            for k in range(inner):
                c0 += at(a, i, k) * conj(at(b, j, k))
            put(c, i, j, c0)


@njit(**OPTIONS)
def hconj_multiply(a, b, c):
    """c = a^H b."""
    inner, m, n = a.shape[-3], a.shape[-2], b.shape[-2]
    for i in range(m):
        for j in range(0, n - 3, 4):
            c0, c1, c2, c3 = zero_of(a), zero_of(a), zero_of(a), zero_of(a)
            for k in range(inner):
                x = conj(at(a, k, i))
                c0 += x * at(b, k, j)
                c1 += x * at(b, k, j + 1)
                c2 += x * at(b, k, j + 2)
                c3 += x * at(b, k, j + 3)
            put(c, i, j, c0)
            put(c, i, j + 1, c1)
            put(c, i, j + 2, c2)
            put(c, i, j + 3, c3)
        for j in range(n - n % 4, n):
            c0 = zero_of(a)
            for k in range(inner):
                c0 += conj(at(a, k, i)) * at(b, k, j)
            put(c, i, j, c0)


@njit(**OPTIONS)
def add_product(a, b, c):
    """c += a b; tiles of two rows and four columns."""
    m, inner, n = a.shape[-3], a.shape[-2], b.shape[-2]
    for j in range(0, n - 3, 4):
        for i in range(0, m - 1, 2):
            c0, c1, c2, c3 = at(c, i, j), at(c, i, j + 1), at(c, i, j + 2), at(c, i, j + 3)
            d0, d1 = at(c, i + 1, j), at(c, i + 1, j + 1)
            d2, d3 = at(c, i + 1, j + 2), at(c, i + 1, j + 3)
            for k in range(inner):
                x, y = at(a, i, k), at(a, i + 1, k)
                z = at(b, k, j)
                c0, d0 = plus_product(c0, x, z), plus_product(d0, y, z)
                z = at(b, k, j + 1)
                c1, d1 = plus_product(c1, x, z), plus_product(d1, y, z)
                z = at(b, k, j + 2)
                c2, d2 = plus_product(c2, x, z), plus_product(d2, y, z)
                z = at(b, k, j + 3)
                c3, d3 = plus_product(c3, x, z), plus_product(d3, y, z)
            put(c, i, j, c0)
            put(c, i, j + 1, c1)
            put(c, i, j + 2, c2)
            put(c, i, j + 3, c3)
            put(c, i + 1, j, d0)
            put(c, i + 1, j + 1, d1)
            put(c, i + 1, j + 2, d2)
            put(c, i + 1, j + 3, d3)
        for i in range(m - m % 2, m):
            c0, c1, c2, c3 = at(c, i, j), at(c, i, j + 1), at(c, i, j + 2), at(c, i, j + 3)
            for k in range(inner):
                x = at(a, i, k)
                c0 = plus_product(c0, x, at(b, k, j))
                c1 = plus_product(c1, x, at(b, k, j + 1))
                c2 = plus_product(c2, x, at(b, k, j + 2))
                c3 = plus_product(c3, x, at(b, k, j + 3))
            put(c, i, j, c0)
            put(c, i, j + 1, c1)
            put(c, i, j + 2, c2)
            put(c, i, j + 3, c3)
    for j in range(n - n % 4, n):
        for i in range(m):
            c0 = at(c, i, j)
            for k in range(inner):
                c0 = plus_product(c0, at(a, i, k), at(b, k, j))
            put(c, i, j, c0)


@njit(**OPTIONS)
def add_to_diagonal(a, x):
    """a += x I."""
    for i in range(a.shape[-3]):
        put(a, i, i, at(a, i, i) + x)
