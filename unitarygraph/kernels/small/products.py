"""Products of small matrices in lanes.

Four entries of a row of the result are summed at a time: their sums do not wait for one another.
"""

from numba import njit

from unitarygraph.kernels.options import INNER as OPTIONS
from unitarygraph.kernels.small.lane_numbers import at, conj, put, zero_of

# Of what is called from one place: LLVM works on each function anew in all that lead to its calls.
INLINED = OPTIONS | {"inline": "always"}


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
