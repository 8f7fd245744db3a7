"""Matrices of a batch into lanes and back: transpositions of (lane, entry) to (entry, lane).

L entries of L matrices at a time go through registers; a last block that is not full overlaps the one
before it. A matrix has ``size`` numbers, planes included, and lies after the one before it.
"""

from llvmlite import ir
from numba import njit
from numba.core import types
from numba.core.typing.templates import signature
from numba.extending import intrinsic, overload

from unitarygraph.kernels.blas import carray_at
from unitarygraph.kernels.options import INNER as OPTIONS
from unitarygraph.kernels.small.lane_numbers import (
    Lanes,
    choose,
    entry,
    put_entry,
    width_of,
)


def transposed(builder, rows):
    """The columns of a square block of registers, by exchanging halves, quarters, ... (Eklundh 1972)."""
    count = len(rows)
    places = ir.VectorType(ir.IntType(32), count)
    half = count // 2
    while half:
        # Row i keeps its entries whose bit `half` is 0 and takes those of row i + half next to them.
        low = [c if not c & half else count + c - half for c in range(count)]
        high = [c + half if not c & half else count + c for c in range(count)]
        for i in range(count):
            if not i & half:
                pair = rows[i], rows[i + half]
                rows[i] = builder.shuffle_vector(*pair, ir.Constant(places, low))
                rows[i + half] = builder.shuffle_vector(*pair, ir.Constant(places, high))
        half //= 2
    return rows


def in_batch(builder, kind, width, address, size, last, start):
    """Pointers to the entries from ``start`` on of each lane's matrix."""
    whole = size.type
    for lane in map(whole, range(width)):
        taken = builder.select(builder.icmp_signed("<", lane, last), lane, last)
        offset = builder.mul(builder.add(builder.mul(taken, size), start), whole(64 // width))
        yield builder.inttoptr(builder.add(address, offset), kind)


def in_lanes(builder, kind, width, data, start):
    """Pointers to the registers of the entries from ``start`` on."""
    data = builder.bitcast(data, kind)
    return [builder.gep(data, [builder.add(start, start.type(i))]) for i in range(width)]


INTEGERS = (types.intp,) * 4


@intrinsic
def load_block(typingctx, address, size, last, start, a):
    """L entries of each matrix into the vector ``a[entries, L]``: 0, or NaN where one is not finite."""
    kind, width = Lanes(a.dtype), width_of(a.dtype)

    def codegen(context, builder, sig, args):
        address, size, last, start, array = args
        data = context.make_array(a)(context, builder, array).data
        vector = context.get_value_type(kind)
        pointer, align = vector.as_pointer(), a.dtype.bitwidth // 8
        rows = [
            builder.load(place, align=align)
            for place in in_batch(builder, pointer, width, address, size, last, start)
        ]
        places = in_lanes(builder, pointer, width, data, start)
        zero = ir.Constant(vector, [0.0] * width)
        spoiled = zero
        for x, place in zip(transposed(builder, rows), places, strict=True):
            builder.store(x, place, align=align)
            spoiled = builder.fadd(spoiled, builder.fmul(x, zero))
        return spoiled

    return signature(kind, *INTEGERS, a), codegen


@intrinsic
def store_block(typingctx, address, size, last, start, a):
    """The inverse of `load_block`."""
    kind, width = Lanes(a.dtype), width_of(a.dtype)

    def codegen(context, builder, sig, args):
        address, size, last, start, array = args
        data = context.make_array(a)(context, builder, array).data
        pointer, align = context.get_value_type(kind).as_pointer(), a.dtype.bitwidth // 8
        rows = [
            builder.load(place, align=align)
            for place in in_lanes(builder, pointer, width, data, start)
        ]
        places = in_batch(builder, pointer, width, address, size, last, start)
        for x, place in zip(transposed(builder, rows), places, strict=True):
            builder.store(x, place, align=align)
        return context.get_dummy_value()

    return signature(types.void, *INTEGERS, a), codegen


@intrinsic
def zero_lanes(typingctx, a):
    """0 in all lanes, a real number."""
    kind = Lanes(a.dtype)

    def codegen(context, builder, sig, args):
        return ir.Constant(context.get_value_type(kind), None)

    return signature(kind, a), codegen


@intrinsic
def not_zero(typingctx, x):
    """Where a real number is not 0, NaN included: a mask."""
    from unitarygraph.kernels.small.lane_numbers import Mask

    def codegen(context, builder, sig, args):
        return builder.fcmp_unordered("!=", args[0], ir.Constant(args[0].type, None))

    return signature(Mask(x.dtype), x), codegen


def lane_count(a):
    """Number of lanes of arrays like ``a``, known to the compiler."""
    raise NotImplementedError


@overload(lane_count, jit_options=OPTIONS)
def _lane_count(a):
    width = width_of(a.dtype)
    return lambda a: width


@njit(**OPTIONS)
def load(address, size, last, a):
    """Matrices from an address on into ``a[size, L]``; lanes after ``last`` get copies of its matrix.

    Returns 0 in the lanes of matrices without NaN or infinity, NaN in the others.
    """
    lanes, spoiled = lane_count(a), zero_lanes(a)
    if size >= lanes:
        for start in range(0, size - lanes + 1, lanes):
            spoiled += load_block(address, size, last, start, a)
        if size % lanes:
            spoiled += load_block(address, size, last, size - lanes, a)
        return spoiled
    given = carray_at(address, (last + 1) * size, a.dtype)
    for s in range(size):
        for lane in range(lanes):
            a[s, lane] = given[min(lane, last) * size + s]
    for s in range(size):
        spoiled += entry(a, s) * 0.0
    return spoiled


@njit(**OPTIONS)
def store(address, size, last, a):
    """The inverse of `load`."""
    lanes = lane_count(a)
    if size >= lanes:
        for start in range(0, size - lanes + 1, lanes):
            store_block(address, size, last, start, a)
        if size % lanes:
            store_block(address, size, last, size - lanes, a)
        return
    given = carray_at(address, (last + 1) * size, a.dtype)
    for lane in range(last + 1):
        for s in range(size):
            given[lane * size + s] = a[s, lane]


@njit(**OPTIONS)
def overwrite(a, mask, value):
    """The number ``value`` in the lanes of ``a[size, L]`` where the mask is true."""
    for s in range(len(a)):
        put_entry(a, s, choose(mask, value, entry(a, s)))
