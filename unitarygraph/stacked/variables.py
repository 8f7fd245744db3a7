r"""Complex variables: stacked tensors that know that they are complex.

A `ComplexVariable` is a PyTensor tensor variable of the stacked storage ``(..., 2, m, n)`` with the
operators of complex arithmetic. What knows is the variable's class, not its type: rewrites, linkers
and gradients see the plain real tensor, ``Z.stacked``. The gradient of a real loss L in a complex
Z = X + iY is dL/dX + i dL/dY.

PyTensor's own functions (``pytensor.tensor.exp``, ...) act on the storage, plane by plane, and cannot
be kept from it; nor can what PyTensor makes anew from a variable's type (the gradients of
`pytensor.grad`, the inner variables of `pytensor.scan`) be complex: `as_complex` says it again.

Two Ops that compute nothing lead from one kind of variable to the other. `Complex` marks a plain
tensor as complex and is taken out before anything else is rewritten. `Stacked` gives the plain tensor
of a complex variable that is an input; it stays until the rewrites that write new arithmetic on
their variables with operators are over, so that none of them meets a complex one.
"""

from numbers import Real
from typing import ClassVar

import numpy as np
import pytensor.tensor as pt
from pytensor.compile.mode import optdb
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.graph.replace import _vectorize_node
from pytensor.graph.rewriting.basic import in2out, node_rewriter
from pytensor.tensor.rewriting.basic import register_canonicalize, register_useless
from pytensor.tensor.sharedvar import TensorSharedVariable
from pytensor.tensor.variable import TensorVariable

from unitarygraph.core.layout import (
    COMPLEX_OF,
    REAL_DTYPES,
    as_stacked,
    checked_dtype,
    from_complex,
    from_planes,
    plain,
    plane,
    plane_axis,
    to_complex,
)
from unitarygraph.core.matrix_op import from_shapes
from unitarygraph.stacked.ops import HConj, MatMul, Modulus, Norm, Quotient, multiplied
from unitarygraph.stacked.ops import conj as conjugate

REMEDIES = (
    "write unitarygraph.as_complex(x) if its axis of length 2 is (real, imaginary), "
    "unitarygraph.complex(x, 0) if it is real"
)


class View(Op):
    """An Op that computes nothing: its output is its input, as a variable of another class.

    PyTensor's own ``ViewOp`` would be taken out before other rewrites run, and its subclasses too.
    """

    __props__: tuple[str, ...] = ()
    view_map: ClassVar = {0: [0]}

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0]

    @from_shapes
    def infer_shape(self, shapes):
        return shapes

    def pullback(self, inputs, outputs, cotangents):
        return cotangents

    def pushforward(self, inputs, outputs, tangents):
        return tangents

    def __str__(self):
        return type(self).__name__


class Complex(View):
    """Mark a stacked tensor as complex: its storage, as a `ComplexVariable`."""

    def make_node(self, x):
        x = as_stacked(x, "as_complex", "x")
        return Apply(self, [x], [ComplexVariable(x.type, None, None)])


class Stacked(View):
    """The plain stacked tensor of a complex variable."""

    def make_node(self, z):
        return Apply(self, [z], [TensorVariable(z.type, None, None)])


@_vectorize_node.register(View)
def vectorize_view(op, node, batched):
    """A view batches by itself."""
    return op.make_node(batched)


@register_useless("fast_compile")
@register_canonicalize("fast_compile")
@node_rewriter([Complex])
def local_complex(fgraph, node):
    """A variable marked as complex -> its storage."""
    return node.inputs


@register_useless("fast_compile")
@register_canonicalize("fast_compile")
@node_rewriter([Stacked])
def local_stacked_of_complex(fgraph, node):
    """The storage of a variable marked as complex, or of a plain one -> that storage."""
    return None if isinstance(node.inputs[0], ComplexOperators) else node.inputs


@node_rewriter([Stacked])
def local_stacked(fgraph, node):
    """The storage of a complex variable -> the variable."""
    return node.inputs


# After all rewrites that write arithmetic, before those that fuse loops and work in place (49 on).
optdb.register(
    "unitarygraph_stacked", in2out(local_stacked), "fast_run", "fast_compile", position=48
)


def mark(x):
    """A stacked tensor variable marked as complex; a complex variable as it is."""
    if isinstance(x, ComplexOperators):
        return x
    if x.owner is not None and type(x.owner.op) is Stacked:
        return x.owner.inputs[0]
    return Complex()(x)


def is_complex(x):
    """Whether x is a complex variable, a NumPy complex array or a Python complex number."""
    return isinstance(x, ComplexOperators) or (not isinstance(x, Variable) and np.iscomplexobj(x))


def _refused(name, instead):
    def method(self, *args, **kwargs):
        raise TypeError(f"{name} of a complex variable {self} is not defined: {instead}")

    method.__name__ = name
    method.__doc__ = f"Not defined for complex variables: {instead}."
    return method


class ComplexOperators:
    """The operators and methods of complex variables; each gives a complex variable or a real tensor.

    Real tensors of at most two axes, real NumPy arrays and Python numbers may be mixed in, and NumPy
    complex arrays. Mixed dtypes raise TypeError, shapes that do not fit ValueError.
    """

    @property
    def stacked(self):
        """The plain real tensor ``(..., 2, m, n)``, its planes the real and the imaginary part."""
        if self.owner is not None and type(self.owner.op) is Complex:
            return self.owner.inputs[0]
        return Stacked()(self)

    @property
    def complex_ndim(self):
        """Number of axes of the complex array, one less than those of the storage."""
        return self.type.ndim - 1

    @property
    def complex_shape(self):
        """Static shape of the complex array, None where a length is not known."""
        axis = self.type.ndim + plane_axis(self.type.ndim)
        shape = self.type.shape
        return (*shape[:axis], *shape[axis + 1 :])

    @property
    def complex_dtype(self):
        """The dtype of the complex numbers, ``"complex64"`` or ``"complex128"``."""
        return COMPLEX_OF[self.type.dtype]

    def __str__(self):
        if self.name is None and self.owner is not None:
            return super().__str__()
        shape = ", ".join("?" if size is None else str(size) for size in self.complex_shape)
        kind = f"{self.complex_dtype}, shape=({shape}{',' * (self.complex_ndim == 1)})"
        return f"<Complex({kind})>" if self.name is None else f"{self.name} <Complex({kind})>"

    def __repr__(self, firstPass=True):
        return str(self)

    # Parts.

    @property
    def real(self):
        """Real part, a plain tensor ``(..., m, n)``."""
        return plane(self.stacked, 0)

    @property
    def imag(self):
        """Imaginary part, a plain tensor ``(..., m, n)``."""
        return plane(self.stacked, 1)

    def conj(self):
        """Complex conjugate."""
        return mark(conjugate(self.stacked))

    @property
    def T(self):
        """Transpose of the matrices; a vector is its own."""
        if self.complex_ndim < 2:
            return self
        return mark(pt.swapaxes(self.stacked, -1, -2))

    mT = T

    @property
    def H(self):
        """Conjugate transpose of the matrices; of a vector or number the conjugate."""
        return self.conj() if self.complex_ndim < 2 else mark(HConj()(self.stacked))

    def __abs__(self):
        r"""Modulus, a plain tensor; without overflow, its gradient zero at zero."""
        missing = max(0, 2 - self.complex_ndim)
        a = _expanded(self.stacked, missing)
        return Modulus()(a).squeeze(axis=tuple(range(-2, missing - 2)))

    def angle(self):
        r"""Argument in :math:`(-\pi, \pi]`, a plain tensor; zero, its gradient too, at 0."""
        re, im = self.real, self.imag
        zero = pt.eq(re, 0) & pt.eq(im, 0)
        return pt.arctan2(im, pt.switch(zero, pt.ones_like(re), re))

    def norm(self):
        r"""Frobenius norm of each matrix, or of the vector: a plain tensor ``(...)``."""
        return Norm()(_expanded(self.stacked, max(0, 2 - self.complex_ndim)))

    def trace(self):
        """Traces of the matrices: a complex number, or an array of the batch's shape."""
        m, n = self.complex_shape[-2:] if self.complex_ndim > 1 else (None, None)
        if self.complex_ndim < 2 or (None not in (m, n) and m != n):
            raise ValueError(f"trace: expected square matrices, got {self}")
        # Not by `diagonal`, whose gradient PyTensor cannot compile for PyTorch.
        a = self.stacked
        size = a.shape[-1] if n is None else n
        on_diagonal = pt.switch(pt.eye(size, dtype="bool"), a, pt.zeros_like(a))
        return mark(_with_planes_at(on_diagonal.sum(axis=[-2, -1]), -1))

    def inner(self, other):
        r"""Real inner product :math:`\mathrm{Re}\,\mathrm{tr}(Z^H W)`, one number a matrix."""
        a, b = _common("inner", self, other)
        axes = list(range(plane_axis(a.type.ndim), 0))
        return (a * b).sum(axis=axes)

    def exp(self):
        r"""Elementwise exponential :math:`e^x (\cos y + i \sin y)`; `unitarygraph.expm` of matrices."""
        size, angle = pt.exp(self.real), self.imag
        return mark(from_planes(size * pt.cos(angle), size * pt.sin(angle)))

    def sum(self, axis=None):
        """Sum over axes of the complex array, counted as NumPy does; they must be said."""
        if axis is None:
            raise TypeError(
                f"sum of {self} over all axes would be one complex number, which a loss "
                "cannot be: say the axes (Z.sum(axis=-1)), or write Z.real.sum(), abs(Z).sum(), "
                "Z.norm() or Z.trace()"
            )
        axes = [axis] if isinstance(axis, int) else list(axis)
        return mark(from_planes(self.real.sum(axis=axes), self.imag.sum(axis=axes)))

    def mean(self, axis=None):
        """Mean over axes of the complex array, which must be said; see `sum`."""
        if axis is None:
            return self.sum()
        axes = [axis] if isinstance(axis, int) else list(axis)
        return mark(from_planes(self.real.mean(axis=axes), self.imag.mean(axis=axes)))

    def diagonal(self):
        """Diagonals of the matrices."""
        return mark(
            from_planes(*(pt.diagonal(a, axis1=-2, axis2=-1) for a in (self.real, self.imag)))
        )

    def __getitem__(self, index):
        """Indexed as the complex array."""
        return mark(from_planes(self.real[index], self.imag[index]))

    def __len__(self):
        raise TypeError(f"len of the complex variable {self}: use Z.complex_shape")

    def __iter__(self):
        raise TypeError(f"the complex variable {self} is not iterable: index it")

    def astype(self, dtype):
        """In another precision: float32, float64, complex64 or complex128."""
        return mark(self.stacked.astype(checked_dtype("astype", dtype)))

    # Arithmetic.

    def __neg__(self):
        return mark(-self.stacked)

    def __pos__(self):
        return self

    def __add__(self, other):
        return _sum(self, other)

    __radd__ = __add__

    def __sub__(self, other):
        return _sum(self, other, -1)

    def __rsub__(self, other):
        return _sum(-self, other)

    def __mul__(self, other):
        real = _real_factor("*", self, other)
        if real is not None:
            a, r = _aligned(self.stacked, real)
            return mark(a * r)
        return mark(multiplied(*_common("*", self, other)))

    __rmul__ = __mul__

    def __truediv__(self, other):
        real = _real_factor("/", self, other)
        if real is not None:
            a, r = _aligned(self.stacked, real)
            return mark(a / r)
        return mark(quotient(*_common("/", self, other)))

    def __rtruediv__(self, other):
        a, b = _common("/", self, other)
        return mark(quotient(b, a))

    def __pow__(self, exponent):
        """Elementwise power with a whole number as exponent."""
        if not isinstance(exponent, int | np.integer):
            raise TypeError(
                f"** of {self}: the exponent must be an integer, got {exponent!r}; "
                "other powers are many-valued: write (w * log_z).exp() with the branch you mean"
            )
        if exponent < 0:
            return (1 / self) ** -exponent
        result, square = None, self
        while exponent:
            if exponent & 1:
                result = square if result is None else result * square
            exponent >>= 1
            square = square * square if exponent else square
        one = mark(from_planes(pt.ones_like(self.real), pt.zeros_like(self.real)))
        return one if result is None else result

    def __rpow__(self, base):
        raise TypeError(f"a power with the complex exponent {self}: write (c * Z).exp()")

    def __matmul__(self, other):
        return _product(self, other)

    def __rmatmul__(self, other):
        return _product(other, self)

    dot = __matmul__
    __dot__ = __matmul__
    __rdot__ = __rmatmul__


# Planewise, each of these is another function than its name says.
COMPARED = "compare abs(Z), Z.real or Z.imag"
REFUSED = {
    **dict.fromkeys(("__lt__", "__le__", "__gt__", "__ge__", "max", "min"), COMPARED),
    **dict.fromkeys(
        ("argmax", "argmin", "argsort", "sort", "clip", "ptp", "searchsorted"), COMPARED
    ),
    **dict.fromkeys(("__mod__", "__rmod__", "__floordiv__", "__rfloordiv__"), COMPARED),
    **dict.fromkeys(("__divmod__", "__rdivmod__", "__invert__", "__and__", "__or__"), COMPARED),
    **dict.fromkeys(("__xor__", "__rand__", "__ror__", "__rxor__", "any", "all"), COMPARED),
    **dict.fromkeys(("round", "ceil", "floor", "trunc"), "round Z.real and Z.imag"),
    **dict.fromkeys(("__ceil__", "__floor__", "__trunc__"), "round Z.real and Z.imag"),
    **dict.fromkeys(
        ("cos", "sin", "tan", "cosh", "sinh", "tanh", "arccos", "arcsin", "arctan", "arccosh"),
        "write it with Z.exp()",
    ),
    **dict.fromkeys(
        ("arcsinh", "arctanh", "log", "log2", "log10", "log1p", "sqrt", "exp2", "expm1"),
        "it is many-valued or not made: write it with abs(Z), Z.angle() and Z.exp()",
    ),
    **dict.fromkeys(("deg2rad", "rad2deg"), "convert Z.angle()"),
    **dict.fromkeys(
        ("prod", "var", "std", "cumsum", "cumprod", "nonzero", "nonzero_values"),
        "compute it from Z.real and Z.imag",
    ),
    **dict.fromkeys(
        ("reshape", "flatten", "ravel", "dimshuffle", "transpose", "swapaxes", "squeeze"),
        "reshape Z.stacked, whose planes' axis stands before the last two, and mark the result with "
        "unitarygraph.as_complex",
    ),
    **dict.fromkeys(
        ("repeat", "take", "choose", "compress", "fill", "set", "inc"),
        "write it for Z.stacked, and mark the result with unitarygraph.as_complex",
    ),
}
for _name, _instead in REFUSED.items():
    setattr(ComplexOperators, _name, _refused(_name, _instead))


class ComplexVariable(ComplexOperators, TensorVariable):
    """A symbolic complex number, vector, matrix or batch of matrices."""

    __hash__ = TensorVariable.__hash__


class ComplexSharedVariable(ComplexOperators, TensorSharedVariable):
    """A complex variable with a value: ``.value`` is complex, ``get_value()`` the stacked storage."""

    __hash__ = TensorSharedVariable.__hash__

    @property
    def value(self):
        """Current value, a NumPy complex array."""
        return to_complex(np.asarray(self.get_value()))


def as_complex(x, name=None):
    """Complex variable of a stacked tensor variable or of a NumPy complex array.

    ``(..., 2, m, n)``, ``(2, n)`` or ``(2,)`` stacked, of float32 or float64; a complex variable is
    returned as it is. A NumPy complex array or Python complex number becomes a constant. Raises
    TypeError for other dtypes, ValueError where no axis can be that of the planes.
    """
    if isinstance(x, ComplexOperators):
        return x
    if is_complex(x):
        x = pt.constant(from_complex(np.asarray(x)))
    result = mark(as_stacked(x, "as_complex", "x"))
    if name is not None:
        result.name = name
    return result


def complex(re, im=None, name=None):
    """Complex variable re + i im of real tensors or arrays, which broadcast: ``(..., m, n)``.

    ``im`` is zero by default. Both have one dtype, float32 or float64; Python numbers take the other
    one's. Raises TypeError for other dtypes and for complex arguments.
    """
    if is_complex(re) or is_complex(im):
        raise TypeError("complex: re and im must be real, got a complex one")
    given = [x for x in (re, im) if hasattr(x, "dtype")]
    dtype = given[0].dtype if given else None
    re = _real_tensor("complex: re", re, dtype)
    im = pt.zeros_like(re) if im is None else _real_tensor("complex: im", im, re.type.dtype)
    if re.type.dtype != im.type.dtype:
        raise TypeError(
            f"complex: re and im must have one dtype, got {re.type.dtype} and {im.type.dtype}"
        )
    re, im = pt.broadcast_arrays(re, im) if re.type.shape != im.type.shape else (re, im)
    result = mark(from_planes(re, im))
    if name is not None:
        result.name = name
    return result


def matrix(name=None, shape=(None, None), dtype=None):
    """Symbolic complex matrix, or batch of matrices, of shape ``(..., m, n)``.

    ``None`` stands for a length that is not known; dtype is that of the planes, float32 or float64
    (complex64 and complex128 mean the same), by default ``pytensor.config.floatX``. Raises ValueError
    for a shape of fewer than two axes, TypeError for another dtype.
    """
    shape = tuple(shape)
    if len(shape) < 2:
        raise ValueError(f"matrix: shape must be (..., m, n), got {shape}")
    return _input("matrix", name, (*shape[:-2], 2, *shape[-2:]), dtype)


def vector(name=None, shape=(None,), dtype=None):
    """Symbolic complex vector, of shape ``(n,)``; name, dtype and errors as `matrix`."""
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if len(shape) != 1:
        raise ValueError(f"vector: shape must be (n,), got {shape}")
    return _input("vector", name, (2, *shape), dtype)


def _input(function, name, shape, dtype):
    plain_type = pt.TensorType(checked_dtype(function, dtype), shape=shape)
    return ComplexVariable(plain_type, None, None, name=name)


def _expanded(a, missing):
    """A stacked number or vector with axes of length 1 after the planes' axis."""
    return pt.expand_dims(a, tuple(range(1, 1 + missing))) if missing else a


def _aligned(a, r):
    """Stacked a and real r such that the two broadcast as their complex arrays do."""
    missing = min(2, r.type.ndim) - min(2, a.type.ndim - 1)
    return _expanded(a, max(0, missing)), _between_planes(r)


def _between_planes(r):
    """A real array with an axis of length 1 where a stacked one has its planes, if it reaches there."""
    return pt.expand_dims(r, -3) if r.type.ndim > 2 else r


def _real_tensor(what, x, dtype):
    """Real tensor variable of x: numbers and integers in ``dtype``, other floats as they are."""
    if isinstance(x, Real) or (not isinstance(x, Variable) and np.ndim(x) == 0):
        return pt.constant(np.asarray(x, dtype or None))
    x = pt.as_tensor_variable(x)
    if x.type.dtype in REAL_DTYPES:
        return x
    if np.dtype(x.type.dtype).kind in "iub" and dtype is not None:
        return x.astype(dtype)
    raise TypeError(f"{what} must be float32 or float64, got dtype {x.type.dtype}")


def _real_factor(operator, z, x):
    """x as a real tensor in z's dtype, None where x is complex; refuses what may be stacked."""
    if is_complex(x):
        return None
    if not isinstance(x, Variable | np.ndarray | np.generic | Real | list | tuple):
        raise TypeError(f"{z} {operator} {x!r}: expected a number, an array or a variable")
    r = _real_tensor(f"{operator}: the second operand", x, z.type.dtype)
    may_be_stacked = r.type.ndim >= 3 or (r.type.ndim == z.type.ndim and r.type.ndim > 0)
    if may_be_stacked and r.type.shape[plane_axis(r.type.ndim)] in (2, None):
        raise TypeError(
            f"{operator} of {z} and the plain tensor {r} of shape {r.type.shape}, which may "
            f"be stacked: {REMEDIES}"
        )
    _check_dtypes(operator, z, r)
    return r


def _check_dtypes(operator, a, b):
    if a.type.dtype != b.type.dtype:
        raise TypeError(
            f"{operator}: {a} and {b} must have one precision, got {a.type.dtype} and "
            f"{b.type.dtype}; cast one explicitly with astype"
        )


def _stacked_operand(operator, z, x):
    """x as stacked storage in z's dtype."""
    if isinstance(x, ComplexOperators):
        _check_dtypes(operator, z, x)
        return x.stacked
    if is_complex(x):
        x = np.asarray(x)
        x = pt.constant(from_complex(x.astype(z.complex_dtype) if x.ndim == 0 else x))
        _check_dtypes(operator, z, x)
        return x
    r = _real_factor(operator, z, x)
    return from_planes(r, pt.zeros_like(r))


def _common(operator, z, x):
    """Storage of both operands, of numbers and vectors with the axes that the other one has."""
    a, b = z.stacked, _stacked_operand(operator, z, x)
    rank = min(2, max(a.type.ndim, b.type.ndim) - 1)
    return tuple(_expanded(s, rank - min(2, s.type.ndim - 1)) for s in (a, b))


def _sum(z, x, sign=1):
    """z + sign x."""
    operator = "+" if sign > 0 else "-"
    real = _real_factor(operator, z, x)
    if real is None:
        a, b = _common(operator, z, x)
        return mark(a + b if sign > 0 else a - b)
    re, im = z.real, z.imag
    re = re + real if sign > 0 else re - real
    if re.type.shape != im.type.shape:
        re, im = pt.broadcast_arrays(re, im)
    return mark(from_planes(re, im))


def quotient(a, b):
    """The quotient of stacked tensors that broadcast, entry by entry."""
    missing = max(0, 3 - a.type.ndim)
    a, b = pt.broadcast_arrays(_expanded(a, missing), _expanded(b, missing))
    return Quotient()(a, b).squeeze(axis=tuple(range(-2, missing - 2)))


def _product(left, right):
    """Matrix product of two operands, one of them complex."""
    z = left if isinstance(left, ComplexOperators) else right
    if not all(map(_array_ndim, (left, right))):
        raise ValueError(f"@: expected matrices or vectors, got {left} and {right}; write *")
    if not (is_complex(left) and is_complex(right)):
        return _real_product(z, left, right)
    a, b = (_stacked_operand("@", z, side) for side in (left, right))
    rows, columns = a.type.ndim == 2, b.type.ndim == 2
    a = pt.expand_dims(a, -2) if rows else a
    b = pt.expand_dims(b, -1) if columns else b
    return mark(_without(MatMul()(a, b), rows, columns))


def _array_ndim(x):
    """Number of axes of an operand as an array of its numbers."""
    if isinstance(x, ComplexOperators):
        return x.complex_ndim
    return x.type.ndim if isinstance(x, Variable) else np.ndim(x)


def _real_product(z, left, right):
    """Product with a real matrix or vector, plane by plane."""
    if z is left:
        r = _real_factor("@", z, right)
        a = pt.expand_dims(z.stacked, -2) if z.complex_ndim == 1 else z.stacked
        b = r[:, None] if r.type.ndim == 1 else _between_planes(r)
        return mark(_without(pt.matmul(a, b), z.complex_ndim == 1, r.type.ndim == 1))
    r = _real_factor("@", z, left)
    b = pt.expand_dims(z.stacked, -1) if z.complex_ndim == 1 else z.stacked
    a = r[None, :] if r.type.ndim == 1 else _between_planes(r)
    return mark(_without(pt.matmul(a, b), r.type.ndim == 1, z.complex_ndim == 1))


def _without(c, rows, columns):
    """A stacked product without the axes of length 1 that stood for a vector's missing one."""
    axes = (-2,) * rows + (-1,) * columns
    return _with_planes_at(c.squeeze(axis=axes), len(axes) - 3) if axes else c


def _with_planes_at(c, axis):
    """A stacked tensor from one whose planes stand at another axis, counted from the end."""
    return pt.moveaxis(c, axis, plane_axis(c.type.ndim))


__all__ = [
    "ComplexSharedVariable",
    "ComplexVariable",
    "as_complex",
    "complex",
    "is_complex",
    "mark",
    "matrix",
    "plain",
    "vector",
]
