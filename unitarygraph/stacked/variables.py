# mypy: disable-error-code="override"
# The methods of a complex array are narrower than those of a tensor, on purpose.
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

from __future__ import annotations

from collections.abc import Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np
import pytensor.tensor as pt
from pytensor.compile.mode import optdb
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.graph.replace import _vectorize_node
from pytensor.graph.rewriting.basic import in2out, node_rewriter
from pytensor.tensor.rewriting.basic import register_canonicalize, register_useless
from pytensor.tensor.sharedvar import TensorSharedVariable
from pytensor.tensor.variable import TensorConstant, TensorVariable

from unitarygraph.core.layout import (
    COMPLEX_OF,
    as_stacked,
    checked_dtype,
    from_planes,
    plane,
    plane_axis,
)
from unitarygraph.core.matrix_op import from_shapes
from unitarygraph.stacked.arithmetic import (
    common,
    expanded,
    matrix_product,
    over,
    times,
    total,
    under,
    with_planes_at,
)
from unitarygraph.stacked.ops import HConj, Modulus, Norm
from unitarygraph.stacked.ops import conj as conjugate


class View(Op):
    """An Op that computes nothing: its output is its input, as a variable of another class.

    PyTensor's own ``ViewOp`` would be taken out before other rewrites run, and its subclasses too.
    """

    if TYPE_CHECKING:

        def __call__(self, *inputs: Any, **kwargs: Any) -> Any:
            """One variable."""

    __props__: tuple[str, ...] = ()
    view_map = {0: [0]}  # noqa: RUF012  (PyTensor declares it an attribute of the Op)

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0]

    @from_shapes
    def infer_shape(self, shapes):
        return shapes

    def pullback(self, inputs, outputs, cotangents):
        return cotangents

    def pushforward(self, inputs, outputs, tangents):
        return tangents

    def __str__(self) -> str:
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
    return None if isinstance(node.inputs[0], ComplexVariable) else node.inputs


@node_rewriter([Stacked])
def local_stacked(fgraph, node):
    """The storage of a complex variable -> the variable."""
    return node.inputs


# After all rewrites that write arithmetic, before those that fuse loops and work in place (49 on); and
# once more after these, since an Op that is made anew of a complex variable asks for its storage again.
for _name, _position in (("unitarygraph_stacked", 48), ("unitarygraph_stacked_again", 99)):
    optdb.register(_name, in2out(local_stacked), "fast_run", "fast_compile", position=_position)


def mark(x: Any) -> ComplexVariable:
    """A stacked tensor variable marked as complex; a complex variable as it is."""
    if isinstance(x, ComplexVariable):
        return x
    if x.owner is not None and type(x.owner.op) is Stacked:
        return x.owner.inputs[0]
    return Complex()(x)


SIGNS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "mod": "%", "floordiv": "//"}


def _refused(name, instead):
    bare = name.strip("_")
    sign = SIGNS.get(bare, bare)

    def method(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"{sign} of the complex variable {self} is not defined: {instead}")

    method.__name__ = name
    method.__doc__ = f"Not defined for complex variables: {instead}."
    return method


class ComplexVariable(TensorVariable):  # type: ignore[type-arg]
    """The operators and methods of complex variables; each gives a complex variable or a real tensor.

    Real tensors of at most two axes, real NumPy arrays and Python numbers may be mixed in, and NumPy
    complex arrays. Mixed dtypes raise TypeError, shapes that do not fit ValueError.
    """

    @property
    def stacked(self) -> TensorVariable:
        """The plain real tensor ``(..., 2, m, n)``, its planes the real and the imaginary part."""
        if self.owner is not None and type(self.owner.op) is Complex:
            return self.owner.inputs[0]
        return Stacked()(self)

    @property
    def complex_ndim(self) -> int:
        """Number of axes of the complex array, one less than those of the storage."""
        return self.type.ndim - 1

    @property
    def complex_shape(self) -> tuple[int | None, ...]:
        """Static shape of the complex array, None where a length is not known."""
        axis = self.type.ndim + plane_axis(self.type.ndim)
        shape = self.type.shape
        return (*shape[:axis], *shape[axis + 1 :])

    @property
    def complex_dtype(self) -> str:
        """The dtype of the complex numbers, ``"complex64"`` or ``"complex128"``."""
        return COMPLEX_OF[self.type.dtype]

    def __str__(self) -> str:
        if self.name is None and self.owner is not None:
            return super().__str__()
        shape = ", ".join("?" if size is None else str(size) for size in self.complex_shape)
        kind = f"{self.complex_dtype}, shape=({shape}{',' * (self.complex_ndim == 1)})"
        return f"<Complex({kind})>" if self.name is None else f"{self.name} <Complex({kind})>"

    def __repr__(self, firstPass=True):
        return str(self)

    # Parts.

    @property
    def real(self) -> TensorVariable:
        """Real part, a plain tensor ``(..., m, n)``."""
        return plane(self.stacked, 0)

    @property
    def imag(self) -> TensorVariable:
        """Imaginary part, a plain tensor ``(..., m, n)``."""
        return plane(self.stacked, 1)

    def conj(self) -> ComplexVariable:
        """Complex conjugate."""
        return mark(conjugate(self.stacked))

    @property
    def T(self) -> ComplexVariable:
        """Transpose of the matrices; a vector is its own."""
        if self.complex_ndim < 2:
            return self
        return mark(pt.swapaxes(self.stacked, -1, -2))

    mT = T

    @property
    def H(self) -> ComplexVariable:
        """Conjugate transpose of the matrices; of a vector or number the conjugate."""
        return self.conj() if self.complex_ndim < 2 else mark(HConj()(self.stacked))

    def __abs__(self) -> TensorVariable:
        r"""Modulus, a plain tensor; without overflow, its gradient zero at zero."""
        missing = max(0, 2 - self.complex_ndim)
        a = expanded(self.stacked, missing)
        return Modulus()(a).squeeze(axis=tuple(range(-2, missing - 2)))

    def angle(self) -> TensorVariable:
        r"""Argument in :math:`(-\pi, \pi]`, a plain tensor; zero, its gradient too, at 0."""
        re, im = self.real, self.imag
        zero = pt.eq(re, 0) & pt.eq(im, 0)
        return pt.arctan2(im, pt.switch(zero, pt.ones_like(re), re))

    def norm(self) -> TensorVariable:
        r"""Frobenius norm of each matrix, or of the vector: a plain tensor ``(...)``."""
        return Norm()(expanded(self.stacked, max(0, 2 - self.complex_ndim)))

    def trace(self) -> ComplexVariable:
        """Traces of the matrices: a complex number, or an array of the batch's shape."""
        m, n = self.complex_shape[-2:] if self.complex_ndim > 1 else (None, None)
        if self.complex_ndim < 2 or (None not in (m, n) and m != n):
            raise ValueError(f"trace: expected square matrices, got {self}")
        # Not by `diagonal`, whose gradient PyTensor cannot compile for PyTorch.
        a = self.stacked
        size = a.shape[-1] if n is None else n
        on_diagonal = pt.switch(pt.eye(size, dtype="bool"), a, pt.zeros_like(a))
        return mark(with_planes_at(on_diagonal.sum(axis=[-2, -1]), -1))

    def inner(self, other: Any) -> TensorVariable:
        r"""Real inner product :math:`\mathrm{Re}\,\mathrm{tr}(Z^H W)`, one number a matrix."""
        a, b = common("inner", self, other)
        axes = list(range(plane_axis(a.type.ndim), 0))
        return (a * b).sum(axis=axes)

    def exp(self) -> ComplexVariable:
        r"""Elementwise exponential :math:`e^x (\cos y + i \sin y)`; `unitarygraph.expm` of matrices."""
        size, angle = pt.exp(self.real), self.imag
        return mark(from_planes(size * pt.cos(angle), size * pt.sin(angle)))

    def sum(self, axis: int | Sequence[int] | None = None) -> ComplexVariable:
        """Sum over axes of the complex array, counted as NumPy does; they must be said."""
        if axis is None:
            raise TypeError(
                f"sum of {self} over all axes would be one complex number, which a loss "
                "cannot be: say the axes (Z.sum(axis=-1)), or write Z.real.sum(), abs(Z).sum(), "
                "Z.norm() or Z.trace()"
            )
        axes = [axis] if isinstance(axis, int) else list(axis)
        return mark(from_planes(self.real.sum(axis=axes), self.imag.sum(axis=axes)))

    def mean(self, axis: int | Sequence[int] | None = None) -> ComplexVariable:
        """Mean over axes of the complex array, which must be said; see `sum`."""
        if axis is None:
            return self.sum()
        axes = [axis] if isinstance(axis, int) else list(axis)
        return mark(from_planes(self.real.mean(axis=axes), self.imag.mean(axis=axes)))

    def diagonal(self) -> ComplexVariable:
        """Diagonals of the matrices."""
        return mark(
            from_planes(*(pt.diagonal(a, axis1=-2, axis2=-1) for a in (self.real, self.imag)))
        )

    def __getitem__(self, index: Any) -> ComplexVariable:
        """Indexed as the complex array."""
        return mark(from_planes(self.real[index], self.imag[index]))

    def __len__(self):
        raise TypeError(f"len of the complex variable {self}: use Z.complex_shape")

    def __iter__(self):
        raise TypeError(f"the complex variable {self} is not iterable: index it")

    def astype(self, dtype: Any) -> ComplexVariable:
        """In another precision: float32, float64, complex64 or complex128."""
        return mark(self.stacked.astype(checked_dtype("astype", dtype)))

    # Arithmetic.

    def __neg__(self) -> ComplexVariable:
        return mark(-self.stacked)

    def __pos__(self) -> ComplexVariable:
        return self

    def __add__(self, other: Any) -> ComplexVariable:
        return mark(total(self, other))

    def __radd__(self, other: Any) -> ComplexVariable:
        return self + other

    def __sub__(self, other: Any) -> ComplexVariable:
        return mark(total(self, other, -1))

    def __rsub__(self, other: Any) -> ComplexVariable:
        return mark(total(-self, other))

    def __mul__(self, other: Any) -> ComplexVariable:
        return mark(times(self, other))

    def __rmul__(self, other: Any) -> ComplexVariable:
        return self * other

    def __truediv__(self, other: Any) -> ComplexVariable:
        return mark(over(self, other))

    def __rtruediv__(self, other: Any) -> ComplexVariable:
        return mark(under(self, other))

    def __pow__(self, exponent: int) -> ComplexVariable:
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

    def __matmul__(self, other: Any) -> ComplexVariable:
        return mark(matrix_product(self, other))

    def __rmatmul__(self, other: Any) -> ComplexVariable:
        return mark(matrix_product(other, self))

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
    setattr(ComplexVariable, _name, _refused(_name, _instead))


def _yielding(operator):
    """A tensor's operator that leaves a complex right operand to that operand's own."""

    @wraps(operator)
    def method(self, other, *args):
        if isinstance(other, ComplexVariable) and not isinstance(self, ComplexVariable):
            return NotImplemented
        return operator(self, other, *args)

    return method


# In x + Z Python asks Z first where Z's class derives from that of x, as it does for a tensor
# variable. PyTensor's constants and shared variables are none of its bases: their own operators would
# see the storage, and add x to the imaginary part as well.
LEFT = (
    "add", "sub", "mul", "truediv", "matmul", "pow", "mod", "floordiv", "divmod",
    "lt", "le", "gt", "ge", "and", "or", "xor",
)  # fmt: skip
for _kind in (TensorConstant, TensorSharedVariable):
    for _name in LEFT:
        setattr(_kind, f"__{_name}__", _yielding(getattr(_kind, f"__{_name}__")))
