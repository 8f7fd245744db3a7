"""The algebra on raw storage: symbolic functions named after their NumPy counterparts.

All take stacked tensors, ``(..., 2, m, n)``, ``(2, n)`` or ``(2,)``, broadcast leading axes like
NumPy and keep the dtype and the static shapes that are known. They give stacked tensors for stacked
tensors and complex variables where an argument is one; the arithmetic is that of
`unitarygraph.stacked.variables`. Raise TypeError for dtypes other than float32 and float64 and for
mixed ones, ValueError for tensors that cannot be stacked and shapes that do not fit. The gradient of a
real loss L in a stacked Z is dL/dRe(Z) + i dL/dIm(Z), the direction of steepest ascent.
"""

import builtins
from collections.abc import Iterable
from typing import Any

import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph.core.layout import as_stacked, checked_dtype, from_planes, is_complex
from unitarygraph.stacked.algebra import algebra
from unitarygraph.stacked.ops import HConj
from unitarygraph.stacked.variables import ComplexVariable, mark

Matrix = TensorVariable | ComplexVariable


def _complex(function, value, argument="A"):
    """Complex variable of a function's argument, checked to be stacked."""
    return mark(as_stacked(value, function, argument))


def _like(result, *arguments):
    """A complex result as the arguments were given."""
    return result if any(map(is_complex, arguments)) else result.stacked


def real(A: Matrix) -> TensorVariable:
    """Real part: ``(..., 2, m, n) -> (..., m, n)``, a plain tensor."""
    return _complex("real", A).real


def imag(A: Matrix) -> TensorVariable:
    """Imaginary part: ``(..., 2, m, n) -> (..., m, n)``, a plain tensor."""
    return _complex("imag", A).imag


def stack(re: TensorVariable, im: TensorVariable) -> TensorVariable:
    """Stack two plain tensors of one shape and dtype: ``(..., m, n) -> (..., 2, m, n)``."""
    re, im = pt.as_tensor_variable(re), pt.as_tensor_variable(im)
    if re.type.ndim != im.type.ndim or re.type.dtype != im.type.dtype:
        raise ValueError(f"stack: re and im must be alike, got {re.type} and {im.type}")
    return as_stacked(from_planes(re, im), "stack", "re")


def conj(A: Matrix) -> Matrix:
    """Complex conjugate, of the shape of A."""
    return _like(_complex("conj", A).conj(), A)


def hconj(A: Matrix) -> Matrix:
    """Conjugate transpose: ``(..., 2, m, n) -> (..., 2, n, m)``."""
    return _like(mark(HConj()(A)), A)


def matmul(*factors: Matrix) -> Matrix:
    """Matrix product of two or more factors, ``(..., 2, m, k), (..., 2, k, n) -> (..., 2, m, n)``."""
    if len(factors) < 2:
        raise ValueError(f"matmul: expected two or more factors, got {len(factors)}")
    return _like(mark(algebra("complex").matmul(*factors)), *factors)


def mul(A: Matrix, B: Matrix) -> Matrix:
    """Elementwise complex product of stacked tensors that broadcast."""
    return _like(_complex("mul", A) * _complex("mul", B, "B"), A, B)


def div(A: Matrix, B: Matrix) -> Matrix:
    """Elementwise complex quotient of stacked tensors that broadcast."""
    return _like(_complex("div", A) / _complex("div", B, "B"), A, B)


def abs(A: Matrix) -> TensorVariable:
    r"""Modulus :math:`\sqrt{Re^2 + Im^2}`, a plain tensor ``(..., m, n)``.

    Free of overflow and underflow; the gradient at zero is taken as zero.
    """
    return builtins.abs(_complex("abs", A))


def angle(A: Matrix) -> TensorVariable:
    r"""Argument in :math:`(-\pi, \pi]`, a plain tensor ``(..., m, n)``; zero, gradient too, at 0."""
    return _complex("angle", A).angle()


def eye(n: Any, dtype: str | None = None) -> TensorVariable:
    """Identity ``(2, n, n)``; n an integer or a symbolic scalar, dtype by default ``floatX``."""
    return algebra("complex").eye(n, checked_dtype("eye", dtype))


def zeros(shape: Any, dtype: str | None = None) -> TensorVariable:
    """Zeros of complex shape ``(..., m, n)``, ``(n,)`` or ``()``, stacked; dtype as `eye`."""
    plane = pt.zeros(shape, dtype=checked_dtype("zeros", dtype))
    return from_planes(plane, plane)


def trace(A: Matrix) -> Matrix:
    """Trace, a stacked number: ``(2, n, n) -> (2,)``, of a batch ``(b, 2, n, n) -> (2, b)``."""
    return _like(_complex("trace", A).trace(), A)


def inner(A: Matrix, B: Matrix) -> TensorVariable:
    r"""Real inner product :math:`\mathrm{Re}\,\mathrm{tr}(A^H B)`: ``(..., 2, m, n) -> (...)``."""
    return _complex("inner", A).inner(_complex("inner", B, "B"))


def norm(A: Matrix) -> TensorVariable:
    r"""Frobenius norm :math:`\sqrt{\langle A, A\rangle}`: ``(..., 2, m, n) -> (...)``.

    Free of overflow and underflow; the gradient at zero is taken as zero.
    """
    return _complex("norm", A).norm()


def solve(A: Matrix, B: Matrix) -> Matrix:
    """Solution X of A X = B: ``(..., 2, n, n), (..., 2, n, k) -> (..., 2, n, k)``; NaN if singular."""
    return _like(mark(algebra("complex").solve(A, B)), A, B)


def concatenate(arrays: Iterable[Any], axis: int = -1) -> Matrix:
    """Join stacked matrices along a matrix axis: -2 (or 0) for rows, -1 (or 1) for columns.

    The axis is counted as in the complex matrix: the planes' axis is never joined.
    """
    if axis not in (-2, -1, 0, 1):
        raise ValueError(f"concatenate: axis must be -2 or 0 (rows), -1 or 1 (columns), got {axis}")
    arrays = list(arrays)
    stored = [as_stacked(a, "concatenate", f"arrays[{i}]") for i, a in enumerate(arrays)]
    return _like(mark(pt.concatenate(stored, axis=(axis if axis < 0 else axis - 2))), *arrays)


def block(rows: Iterable[Iterable[Any]]) -> Matrix:
    """Block matrix from nested lists of stacked matrices, as `numpy.block`."""
    return concatenate([concatenate(row, axis=-1) for row in rows], axis=-2)


def skew_hermitian(A: Matrix) -> Matrix:
    """Skew-Hermitian part (A - A^H)/2, of the shape of A."""
    stored = as_stacked(A, "skew_hermitian")
    return _like(mark(algebra("complex").skew_hermitian(stored)), A)


def hermitian(A: Matrix) -> Matrix:
    """Hermitian part (A + A^H)/2, of the shape of A."""
    stored = as_stacked(A, "hermitian")
    return _like(mark(algebra("complex").hermitian(stored)), A)
