"""Linear equations in lanes: Gaussian elimination, in which each lane has pivots of its own.

Rows change places by selection: a row that is the pivot's in some lane is exchanged in that one.
"""

from numba import njit

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
    square,
    zero_of,
)
from unitarygraph.kernels.small.matrices import least_normal
from unitarygraph.kernels.small.products import OPTIONS


@njit(**OPTIONS)
def find_pivot(a, k, least):
    """The row of the largest entry of column k from row k on, and the power of two of its size."""
    top, row = size1(at(a, k, k)), real(zero_of(a)) + k
    for i in range(k + 1, a.shape[-3]):
        size = size1(at(a, i, k))
        row = choose(size > top, i, row)
        top = larger(size, top)
    return row, power_of_two_below(larger(top, least))


@njit(**OPTIONS)
def exchange_columns(a, k, j, mask):
    """Columns k and j change places where the mask is true."""
    for i in range(a.shape[-3]):
        x, y = at(a, i, k), at(a, i, j)
        put(a, i, k, choose(mask, y, x))
        put(a, i, j, choose(mask, x, y))


@njit(**OPTIONS)
def exchange_rows(a, k, i, mask, first):
    """Rows k and i change places where the mask is true, from column ``first`` on."""
    for j in range(first, a.shape[-2]):
        x, y = at(a, k, j), at(a, i, j)
        put(a, k, j, choose(mask, y, x))
        put(a, i, j, choose(mask, x, y))


@njit(**OPTIONS)
def subtract_row(a, k, i, factor, first):
    """Row i less a multiple of row k, from column ``first`` on."""
    n = a.shape[-2]
    for j in range(first, n - (n - first) % 2, 2):
        put(a, i, j, at(a, i, j) - factor * at(a, k, j))
        put(a, i, j + 1, at(a, i, j + 1) - factor * at(a, k, j + 1))
    for j in range(n - (n - first) % 2, n):
        put(a, i, j, at(a, i, j) - factor * at(a, k, j))


@njit(**OPTIONS)
def eliminate(a, b, inverse, power):
    """A becomes U of its LU factors, B, of as many rows, :math:`L^{-1} P B`.

    The inverse of U's entry (k, k) is ``inverse[0, k] / power[k]``, a power of two and one of moderate
    size, so that no quotient overflows before the solution does. Both are NaN where A is singular.
    """
    n = a.shape[-2]
    least = least_normal(a)
    for k in range(n):
        row, scale = find_pivot(a, k, least)
        if any_lane(row > k):
            for i in range(k + 1, n):
                here = (row >= i) & (row <= i)
                if any_lane(here):
                    exchange_rows(a, k, i, here, k)
                    exchange_rows(b, k, i, here, 0)
        pivot = at(a, k, k) / scale
        pivot = conj(pivot) / square(pivot)
        put(inverse, 0, k, pivot)
        put_entry(power, k, scale)
        for i in range(k + 1, n):
            factor = at(a, i, k) / scale * pivot
            subtract_row(a, k, i, factor, k + 1)
            subtract_row(b, k, i, factor, 0)


@njit(**OPTIONS)
def substitute(u, b, inverse, power):
    """B becomes :math:`U^{-1} B`, from what `eliminate` leaves."""
    n, columns = u.shape[-2], b.shape[-2]
    for k in range(n - 1, -1, -1):
        pivot, scale = at(inverse, 0, k), entry(power, k)
        for j in range(columns):
            put(b, k, j, at(b, k, j) / scale * pivot)
        for i in range(k):
            subtract_row(b, k, i, at(u, i, k), 0)


@njit(**OPTIONS)
def solve_in_place(a, b, inverse, power):
    """B becomes :math:`A^{-1} B`, NaN where A is singular; A is destroyed.

    ``inverse`` (1, n) and ``power`` (n,) are work. Sums of the parts of A's entries must not overflow.
    """
    eliminate(a, b, inverse, power)
    substitute(a, b, inverse, power)


@njit(**OPTIONS)
def invert_in_place(a, rows):
    """A becomes its inverse, NaN where A is singular, by Gauss and Jordan's elimination.

    ``rows`` (n,) is work. Sums of the parts of A's entries must not overflow.
    """
    n = a.shape[-2]
    one, least = zero_of(a) + 1.0, least_normal(a)
    for k in range(n):
        row, scale = find_pivot(a, k, least)
        put_entry(rows, k, row)
        if any_lane(row > k):
            for i in range(k + 1, n):
                here = (row >= i) & (row <= i)
                if any_lane(here):
                    exchange_rows(a, k, i, here, 0)
        pivot = at(a, k, k) / scale
        pivot = conj(pivot) / square(pivot)
        put(a, k, k, one)
        for j in range(n):
            put(a, k, j, at(a, k, j) / scale * pivot)
        for i in range(n):
            if i != k:
                factor = at(a, i, k)
                put(a, i, k, zero_of(a))
                subtract_row(a, k, i, factor, 0)
    for k in range(n - 1, -1, -1):
        row = entry(rows, k)
        if any_lane(row > k):
            for j in range(k + 1, n):
                here = (row >= j) & (row <= j)
                if any_lane(here):
                    exchange_columns(a, k, j, here)
