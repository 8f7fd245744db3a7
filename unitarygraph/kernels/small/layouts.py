"""Where the entries of small square matrices lie: each in a lane of its matrix, or in rows.

An algorithm that takes what differs from a `Layout` is one source for both.
"""

from collections.abc import Callable
from typing import NamedTuple

from numba import njit

from unitarygraph.kernels.small import matrices, rows
from unitarygraph.kernels.small.lane_numbers import at, plus_product, put
from unitarygraph.kernels.small.products import INLINED


class Layout(NamedTuple):
    """Functions of square matrices in one layout.

    ``add_product(a, b, c)`` is c += a b, ``add_to_diagonal(a, x)`` a += x I for a scalar x, ``hconj(a,
    c)`` c = a^H; ``sum_across`` and ``largest_across`` are those of the lanes that one matrix has.
    """

    add_product: Callable
    add_to_diagonal: Callable
    hconj: Callable
    sum_across: Callable
    largest_across: Callable


@njit(**INLINED)
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


@njit(**INLINED)
def add_to_diagonal(a, x):
    """a += x I."""
    for i in range(a.shape[-3]):
        put(a, i, i, at(a, i, i) + x)


@njit(**INLINED)
def across(x):
    """Of one lane itself."""
    return x


LANES = Layout(add_product, add_to_diagonal, matrices.hconj, across, across)
ROWS = Layout(
    rows.add_product, rows.add_to_diagonal, rows.hconj, rows.sum_across, rows.largest_across
)
