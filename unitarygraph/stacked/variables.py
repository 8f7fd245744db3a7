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
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Apply
from pytensor.tensor.variable import TensorVariable

from unitarygraph.core.layout import (
    COMPLEX_OF,
    as_stacked,
    checked_dtype,
    from_planes,
    plane,
    plane_axis,
)
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
from unitarygraph.stacked.undefined import REFUSED, refused
from unitarygraph.stacked.view import View


class Complex(View):
    """Mark a stacked tensor as complex: its storage, as a `ComplexVariable`."""

    def make_node(self, x):
        x = as_stacked(x, "as_complex", "x")
        return Apply(self, [x], [ComplexVariable(x.type, None, None)])


class Stacked(View):
    """The plain stacked tensor of a complex variable."""

    def make_node(self, z):
        return Apply(self, [z], [TensorVariable(z.type, None, None)])


def mark(x: Any) -> ComplexVariable:
    """A stacked tensor variable marked as complex; a complex variable as it is."""
    if isinstance(x, ComplexVariable):
        return x
    if x.owner is not None and type(x.owner.op) is Stacked:
        return x.owner.inputs[0]
    return Complex()(x)


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
for _name, _instead in REFUSED.items():
    setattr(ComplexVariable, _name, refused(_name, _instead))
