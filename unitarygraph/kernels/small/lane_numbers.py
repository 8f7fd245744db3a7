"""Numbers of many matrices at once: one vector register a number, one lane a matrix.

A lane function reads like the algorithm for one matrix. Its numbers are of two kinds that numba
learns here, `Lanes` (real, as LLVM's ``<8 x double>``) and `ComplexLanes` (a pair of them), with
``+ - * /``, comparisons, and the functions of this file; it never asks which of the two it has, so
that one source serves both fields. Arrays have the lane as last axis: matrices ``A[m, n, L]``,
complex ones ``A[2, m, n, L]``, vectors ``[n, L]``; the number of indices tells which.
A register holds 64 bytes: L = 8 for float64, 16 for float32.
"""

import operator

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.extending import (
    intrinsic,
    lower_builtin,
    models,
    register_model,
)
from numba.core.typing.templates import AbstractTemplate, infer_global, signature

#: Bytes of a register.
BYTES = 64
# One rounding in place of two where it comes so; nothing else.
FLAGS = ("contract",)


def width_of(dtype):
    """Lanes of numba's float32 or float64."""
    return BYTES * 8 // dtype.bitwidth


class Lanes(types.Type):
    """A real number of each matrix."""

    def __init__(self, dtype):
        self.dtype = dtype
        super().__init__(f"Lanes({dtype})")


class ComplexLanes(types.Type):
    """A complex number of each matrix."""

    def __init__(self, dtype):
        self.dtype = dtype
        super().__init__(f"ComplexLanes({dtype})")


class Mask(types.Type):
    """A truth value of each matrix, for numbers of a dtype."""

    def __init__(self, dtype):
        self.dtype = dtype
        super().__init__(f"Mask({dtype})")


NUMBERS = (Lanes, ComplexLanes)


@register_model(Lanes)
class LanesModel(models.PrimitiveModel):
    """A vector register."""

    def __init__(self, dmm, fe_type):
        element = ir.DoubleType() if fe_type.dtype.bitwidth == 64 else ir.FloatType()
        super().__init__(dmm, fe_type, ir.VectorType(element, width_of(fe_type.dtype)))


@register_model(ComplexLanes)
class ComplexLanesModel(models.StructModel):
    """Two registers."""

    def __init__(self, dmm, fe_type):
        part = Lanes(fe_type.dtype)
        super().__init__(dmm, fe_type, [("re", part), ("im", part)])


@register_model(Mask)
class MaskModel(models.PrimitiveModel):
    """A bit a lane."""

    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, ir.VectorType(ir.IntType(1), width_of(fe_type.dtype)))


def splat(builder, scalar, dtype):
    """A scalar in all lanes."""
    vector = ir.VectorType(scalar.type, width_of(dtype))
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.IntType(32)(0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), width_of(dtype)), [0] * width_of(dtype))
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), zeros)


def planes(context, builder, kind, value, dtype):
    """Real and imaginary register of a number or a scalar; None for what is not there."""
    if isinstance(kind, ComplexLanes):
        pair = cgutils.create_struct_proxy(kind)(context, builder, value)
        return pair.re, pair.im
    if isinstance(kind, Lanes):
        return value, None
    return splat(builder, context.cast(builder, value, kind, dtype), dtype), None


def pack(context, builder, kind, re, im):
    """A number of a kind from its registers."""
    if isinstance(kind, Lanes):
        return re
    pair = cgutils.create_struct_proxy(kind)(context, builder)
    pair.re = re
    pair.im = ir.Constant(re.type, None) if im is None else im
    return pair._getvalue()


def _joined(a, b):
    """Kind of the sum of two kinds, at least one of which is of ours; None where neither is."""
    ours = [kind for kind in (a, b) if isinstance(kind, NUMBERS)]
    scalars = [kind for kind in (a, b) if isinstance(kind, (types.Float, types.Integer))]
    if not ours or len(ours) + len(scalars) < 2 or len({kind.dtype for kind in ours}) > 1:
        return None
    return next((kind for kind in ours if isinstance(kind, ComplexLanes)), ours[0])


def _add(b, x, y):
    return b.fadd(x, y, flags=FLAGS)


def _sub(b, x, y):
    return b.fsub(x, y, flags=FLAGS)


def _mul(b, x, y):
    return b.fmul(x, y, flags=FLAGS)


def _sum(builder, x, y):
    (xr, xi), (yr, yi) = x, y
    im = xi if yi is None else yi if xi is None else _add(builder, xi, yi)
    return _add(builder, xr, yr), im


def _difference(builder, x, y):
    (xr, xi), (yr, yi) = x, y
    im = xi if yi is None else builder.fneg(yi) if xi is None else _sub(builder, xi, yi)
    return _sub(builder, xr, yr), im


def _product(builder, x, y):
    (xr, xi), (yr, yi) = x, y
    if xi is None or yi is None:
        im = next(
            (_mul(builder, p, q) for p, q in ((xr, yi), (xi, yr)) if None not in (p, q)), None
        )
        return _mul(builder, xr, yr), im
    re = _sub(builder, _mul(builder, xr, yr), _mul(builder, xi, yi))
    return re, _add(builder, _mul(builder, xr, yi), _mul(builder, xi, yr))


def _quotient(builder, x, y):
    """By a real number: complex divisors are scaled by who divides."""
    (xr, xi), (yr, _) = x, y
    return builder.fdiv(xr, yr), None if xi is None else builder.fdiv(xi, yr)


ARITHMETIC = {
    operator.add: _sum,
    operator.sub: _difference,
    operator.mul: _product,
    operator.truediv: _quotient,
}
IN_PLACE = {operator.iadd: _sum, operator.isub: _difference, operator.imul: _product}
COMPARISONS = {operator.lt: "<", operator.le: "<=", operator.gt: ">", operator.ge: ">="}
KINDS = (Lanes, ComplexLanes, types.Float, types.Integer)


def _register_arithmetic(function, combine):
    @infer_global(function)
    class Arithmetic(AbstractTemplate):
        def generic(self, args, kws):
            kind = _joined(*args) if len(args) == 2 else None
            if function is operator.truediv and kind and isinstance(args[1], ComplexLanes):
                return None
            return kind and signature(kind, *args)

    def lower(context, builder, sig, args):
        given = [
            planes(context, builder, kind, value, sig.return_type.dtype)
            for kind, value in zip(sig.args, args, strict=True)
        ]
        return pack(context, builder, sig.return_type, *combine(builder, *given))

    for a in KINDS:
        for b in KINDS:
            if a in NUMBERS or b in NUMBERS:
                lower_builtin(function, a, b)(lower)


def _register_comparison(function, sign):
    @infer_global(function)
    class Comparison(AbstractTemplate):
        def generic(self, args, kws):
            kind = _joined(*args) if len(args) == 2 else None
            return signature(Mask(kind.dtype), *args) if isinstance(kind, Lanes) else None

    def lower(context, builder, sig, args):
        x, y = (
            planes(context, builder, kind, value, sig.return_type.dtype)[0]
            for kind, value in zip(sig.args, args, strict=True)
        )
        return builder.fcmp_ordered(sign, x, y)

    for a in KINDS:
        for b in KINDS:
            if Lanes in (a, b) and ComplexLanes not in (a, b):
                lower_builtin(function, a, b)(lower)


def _register_logic(function, name):
    @infer_global(function)
    class Logic(AbstractTemplate):
        def generic(self, args, kws):
            if len(args) == 2 and isinstance(args[0], Mask) and args[0] == args[1]:
                return signature(args[0], *args)
            return None

    @lower_builtin(function, Mask, Mask)
    def lower(context, builder, sig, args):
        return getattr(builder, name)(*args)


for _function, _combine in (ARITHMETIC | IN_PLACE).items():
    _register_arithmetic(_function, _combine)
for _function, _sign in COMPARISONS.items():
    _register_comparison(_function, _sign)
for _function, _name in ((operator.and_, "and_"), (operator.or_, "or_")):
    _register_logic(_function, _name)


@infer_global(operator.neg)
class Negative(AbstractTemplate):
    """-x."""

    def generic(self, args, kws):
        """Of numbers."""
        return signature(args[0], args[0]) if isinstance(args[0], NUMBERS) else None


@lower_builtin(operator.neg, Lanes)
@lower_builtin(operator.neg, ComplexLanes)
def lower_negative(context, builder, sig, args):
    """-x."""
    re, im = planes(context, builder, sig.args[0], args[0], sig.args[0].dtype)
    return pack(
        context,
        builder,
        sig.return_type,
        builder.fneg(re),
        None if im is None else builder.fneg(im),
    )


def _of_parts(make):
    """Intrinsic of one number, from its registers; ``make(builder, re, im)``, ``kind(x)``."""
    real_result, build = make

    def typed(typingctx, x):
        if not isinstance(x, NUMBERS):
            return None
        result = Lanes(x.dtype) if real_result else x

        def codegen(context, builder, sig, args):
            re, im = planes(context, builder, x, args[0], x.dtype)
            return pack(context, builder, result, *build(builder, re, im))

        return signature(result, x), codegen

    typed.__name__ = build.__name__
    typed.__doc__ = build.__doc__
    return intrinsic(typed)


def _call(builder, name, *args):
    """LLVM's function of registers."""
    vector = args[0].type
    suffix = f"v{vector.count}{vector.element.intrinsic_name}"
    kind = ir.FunctionType(vector, [vector] * len(args))
    function = cgutils.get_or_insert_function(builder.module, kind, f"{name}.{suffix}")
    return builder.call(function, args)


def conj(builder, re, im):
    """Conjugate."""
    return re, None if im is None else builder.fneg(im)


def real(builder, re, im):
    """Real part."""
    return re, None


def imag(builder, re, im):
    """Imaginary part, 0 of real numbers."""
    return ir.Constant(re.type, None) if im is None else im, None


def square(builder, re, im):
    """|x|^2."""
    r = _mul(builder, re, re)
    return r if im is None else _add(builder, r, _mul(builder, im, im)), None


def size1(builder, re, im):
    """|Re x| + |Im x|."""
    r = _call(builder, "llvm.fabs", re)
    return r if im is None else _add(builder, r, _call(builder, "llvm.fabs", im)), None


def times_i(builder, re, im):
    """i x; of a real number nothing, as of what only complex ones have."""
    return (ir.Constant(re.type, None), None) if im is None else (builder.fneg(im), re)


def sqrt(builder, re, im):
    """Square root of a real number."""
    return _call(builder, "llvm.sqrt", re), None


conj = _of_parts((False, conj))
real = _of_parts((True, real))
imag = _of_parts((True, imag))
square = _of_parts((True, square))
size1 = _of_parts((True, size1))
times_i = _of_parts((False, times_i))
sqrt = _of_parts((True, sqrt))


@intrinsic
def larger(typingctx, x, y):
    """The larger of two real numbers."""

    def codegen(context, builder, sig, args):
        return builder.select(builder.fcmp_ordered(">", *args), *args)

    return signature(x, x, y), codegen


@intrinsic
def choose(typingctx, mask, x, y):
    """``x`` where the mask is true, else ``y``; either may be a scalar."""
    kind = _joined(x, y)
    if kind is None or not isinstance(mask, Mask):
        return None

    def codegen(context, builder, sig, args):
        a, b = (
            planes(context, builder, k, v, kind.dtype)
            for k, v in zip((x, y), args[1:], strict=True)
        )
        re = builder.select(args[0], a[0], b[0])
        if isinstance(kind, Lanes):
            return re
        zero = ir.Constant(re.type, None)
        im = builder.select(args[0], *(zero if p[1] is None else p[1] for p in (a, b)))
        return pack(context, builder, kind, re, im)

    return signature(kind, mask, x, y), codegen


@intrinsic
def any_lane(typingctx, mask):
    """Whether a mask is true in any lane."""

    def codegen(context, builder, sig, args):
        width = width_of(mask.dtype)
        bits = builder.bitcast(args[0], ir.IntType(width))
        return builder.icmp_unsigned("!=", bits, bits.type(0))

    return signature(types.boolean, mask), codegen


@intrinsic
def power_of_two_below(typingctx, x):
    """The power of two at or below a positive normal number: its exponent with no digits."""
    if not isinstance(x, Lanes):
        return None
    bits = x.dtype.bitwidth
    mask = 0x7FF0000000000000 if bits == 64 else 0x7F800000

    def codegen(context, builder, sig, args):
        width = width_of(x.dtype)
        integers = ir.VectorType(ir.IntType(bits), width)
        kept = builder.and_(
            builder.bitcast(args[0], integers), ir.Constant(integers, [mask] * width)
        )
        return builder.bitcast(kept, args[0].type)

    return signature(x, x), codegen


def _pointers(context, builder, array, value, indices):
    """Addresses of the registers of an entry."""
    proxy = context.make_array(array)(context, builder, value)
    zero = context.get_constant(types.intp, 0)
    stacked = array.ndim == len(indices) + 2
    kind = context.get_value_type(Lanes(array.dtype)).as_pointer()
    found = []
    for plane in range(2 if stacked else 1):
        lead = [context.get_constant(types.intp, plane)] if stacked else []
        entry = cgutils.get_item_pointer(
            context, builder, array, proxy, [*lead, *indices, zero], wraparound=False
        )
        found.append(builder.bitcast(entry, kind))
    return found


def _kind_of_entry(array, count):
    """Kind of an array's numbers, given the number of indices."""
    if array.ndim == count + 2:
        return ComplexLanes(array.dtype)
    return Lanes(array.dtype) if array.ndim == count + 1 else None


def _index_values(context, builder, kinds, values):
    return [
        context.cast(builder, value, kind, types.intp)
        for kind, value in zip(kinds, values, strict=True)
    ]


def _load(array, kinds):
    kind = _kind_of_entry(array, len(kinds))
    if kind is None:
        return None

    def codegen(context, builder, sig, args):
        indices = _index_values(context, builder, kinds, args[1:])
        loaded = [
            builder.load(p, align=array.dtype.bitwidth // 8)
            for p in _pointers(context, builder, array, args[0], indices)
        ]
        return pack(context, builder, kind, *loaded, *[None] * (2 - len(loaded)))

    return signature(kind, array, *kinds), codegen


def _store(array, kinds, number):
    def codegen(context, builder, sig, args):
        indices = _index_values(context, builder, kinds, args[1:-1])
        re, im = planes(context, builder, number, args[-1], array.dtype)
        parts = re, ir.Constant(re.type, None) if im is None else im
        for pointer, part in zip(
            _pointers(context, builder, array, args[0], indices), parts, strict=False
        ):
            builder.store(part, pointer, align=array.dtype.bitwidth // 8)

    return signature(types.void, array, *kinds, number), codegen


@intrinsic
def at(typingctx, array, i, j):
    """Entry (i, j) of a matrix."""
    return _load(array, (i, j))


@intrinsic
def put(typingctx, array, i, j, number):
    """Set entry (i, j) of a matrix; a real number into a complex matrix has no imaginary part."""
    return _store(array, (i, j), number)


@intrinsic
def entry(typingctx, array, i):
    """Entry i of a vector."""
    return _load(array, (i,))


@intrinsic
def put_entry(typingctx, array, i, number):
    """Set entry i of a vector."""
    return _store(array, (i,), number)


@intrinsic
def zero_of(typingctx, array):
    """0, of the kind of a matrix's entries."""
    kind = _kind_of_entry(array, 2)

    def codegen(context, builder, sig, args):
        zero = ir.Constant(context.get_value_type(Lanes(array.dtype)), None)
        return pack(context, builder, kind, zero, None)

    return signature(kind, array), codegen
