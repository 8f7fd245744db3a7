"""One small matrix in registers: a row is as many of them as it takes, the last one filled with zeros.

The other layout of `unitarygraph.kernels.small`, for matrices of which one alone fills registers. An
array ``a[n, width, L]``, ``a[2, n, width, L]`` if complex, has entry (i, j) at lane j % L of ``at(a,
i, j // L)``; what works entry by entry is the same source for both layouts. All lanes of a real number
that is no entry (a norm, say) are equal.
"""

from llvmlite import ir
from numba import njit
from numba.core import cgutils, types
from numba.core.typing.templates import signature
from numba.extending import intrinsic, overload

from unitarygraph.kernels.blas import carray_at
from unitarygraph.kernels.small.lane_numbers import (
    _index_values,
    _kind_of_entry,
    at,
    entry,
    pack,
    plus_product,
    put,
    splat,
)
from unitarygraph.kernels.small.load import zero_lanes
from unitarygraph.kernels.small.products import INLINED, OPTIONS


@intrinsic
def spread(typingctx, array, i, k):
    """Entry (i, k) of a matrix in rows, in all lanes."""
    kind = _kind_of_entry(array, 2)

    def codegen(context, builder, sig, args):
        proxy = context.make_array(array)(context, builder, args[0])
        row, place = _index_values(context, builder, (i, k), args[1:])
        zero = context.get_constant(types.intp, 0)
        parts = []
        for plane in range(2 if array.ndim == 4 else 1):
            lead = [context.get_constant(types.intp, plane)] if array.ndim == 4 else []
            start = cgutils.get_item_pointer(
                context, builder, array, proxy, [*lead, row, zero, zero], wraparound=False
            )
            scalar = builder.load(builder.gep(start, [place]))
            parts.append(splat(builder, scalar, array.dtype))
        return pack(context, builder, kind, *parts, *[None] * (2 - len(parts)))

    return signature(kind, array, i, k), codegen


def _across(combine):
    """Intrinsic that combines all lanes of a real number, and gives all of them the result."""

    @intrinsic
    def across(typingctx, x):
        def codegen(context, builder, sig, args):
            (value,) = args
            count = value.type.count
            places = ir.VectorType(ir.IntType(32), count)
            step = count // 2
            while step:
                turned = ir.Constant(places, [(lane + step) % count for lane in range(count)])
                value = combine(builder, value, builder.shuffle_vector(value, value, turned))
                step //= 2
            return value

        return signature(x, x), codegen

    return across


def _larger(builder, x, y):
    return builder.select(builder.fcmp_ordered(">", x, y), x, y)


sum_across = _across(lambda builder, x, y: builder.fadd(x, y))
largest_across = _across(_larger)


@njit(**INLINED)
def add_product(a, b, c):
    """c += a b, square; tiles of four rows and two registers."""
    n, width = a.shape[-3], b.shape[-2]
    for j in range(0, width - 1, 2):
        for i in range(0, n - 3, 4):
            c0, c1, c2, c3 = at(c, i, j), at(c, i + 1, j), at(c, i + 2, j), at(c, i + 3, j)
            d0, d1 = at(c, i, j + 1), at(c, i + 1, j + 1)
            d2, d3 = at(c, i + 2, j + 1), at(c, i + 3, j + 1)
            for k in range(n):
                x, y = at(b, k, j), at(b, k, j + 1)
                s = spread(a, i, k)
                c0, d0 = plus_product(c0, s, x), plus_product(d0, s, y)
                s = spread(a, i + 1, k)
                c1, d1 = plus_product(c1, s, x), plus_product(d1, s, y)
                s = spread(a, i + 2, k)
                c2, d2 = plus_product(c2, s, x), plus_product(d2, s, y)
                s = spread(a, i + 3, k)
                c3, d3 = plus_product(c3, s, x), plus_product(d3, s, y)
            put(c, i, j, c0)
            put(c, i + 1, j, c1)
            put(c, i + 2, j, c2)
            put(c, i + 3, j, c3)
            put(c, i, j + 1, d0)
            put(c, i + 1, j + 1, d1)
            put(c, i + 2, j + 1, d2)
            put(c, i + 3, j + 1, d3)
        for i in range(n - n % 4, n):
            c0, d0 = at(c, i, j), at(c, i, j + 1)
            for k in range(n):
                s = spread(a, i, k)
                c0 = plus_product(c0, s, at(b, k, j))
                d0 = plus_product(d0, s, at(b, k, j + 1))
            put(c, i, j, c0)
            put(c, i, j + 1, d0)
    for j in range(width - width % 2, width):
        for i in range(0, n - 3, 4):
            c0, c1, c2, c3 = at(c, i, j), at(c, i + 1, j), at(c, i + 2, j), at(c, i + 3, j)
            for k in range(n):
                x = at(b, k, j)
                c0 = plus_product(c0, spread(a, i, k), x)
                c1 = plus_product(c1, spread(a, i + 1, k), x)
                c2 = plus_product(c2, spread(a, i + 2, k), x)
                c3 = plus_product(c3, spread(a, i + 3, k), x)
            put(c, i, j, c0)
            put(c, i + 1, j, c1)
            put(c, i + 2, j, c2)
            put(c, i + 3, j, c3)
        for i in range(n - n % 4, n):
            c0 = at(c, i, j)
            for k in range(n):
                c0 = plus_product(c0, spread(a, i, k), at(b, k, j))
            put(c, i, j, c0)


def entries(a):
    """The array with its entries for last axis, those that fill its rows included."""
    raise NotImplementedError


@overload(entries)
def _entries(a):
    if a.ndim == 4:
        return lambda a: a.reshape((2, a.shape[1], a.shape[2] * a.shape[3]))
    return lambda a: a.reshape((1, a.shape[0], a.shape[1] * a.shape[2]))


@njit(**INLINED)
def add_to_diagonal(a, x):
    """a += x I."""
    parts = entries(a)
    for i in range(parts.shape[1]):
        parts[0, i, i] += x


@njit(**INLINED)
def hconj(a, c):
    """c = a^H, square; c must not be a."""
    given, taken = entries(a), entries(c)
    n = given.shape[1]
    for i in range(n):
        for j in range(n):
            taken[0, i, j] = given[0, j, i]
        for j in range(n, taken.shape[2]):
            taken[0, i, j] = 0.0
    if len(given) > 1:
        for i in range(n):
            for j in range(n):
                taken[1, i, j] = -given[1, j, i]
            for j in range(n, taken.shape[2]):
                taken[1, i, j] = 0.0


@njit(**OPTIONS)
def load_rows(address, rows, columns, a):
    """Rows from an address on into registers, ``a[rows * width, L]``; 0, or NaN if one is not finite."""
    given = carray_at(address, (rows, columns), a.dtype)
    taken = a.reshape((rows, a.size // rows))
    for i in range(rows):
        for j in range(columns):
            taken[i, j] = given[i, j]
        for j in range(columns, taken.shape[1]):
            taken[i, j] = 0.0
    spoiled = zero_lanes(a)
    for s in range(len(a)):
        spoiled += entry(a, s) * 0.0
    return sum_across(spoiled)


@njit(**OPTIONS)
def store_rows(address, rows, columns, a):
    """The inverse of `load_rows`."""
    given = carray_at(address, (rows, columns), a.dtype)
    taken = a.reshape((rows, a.size // rows))
    for i in range(rows):
        for j in range(columns):
            given[i, j] = taken[i, j]
