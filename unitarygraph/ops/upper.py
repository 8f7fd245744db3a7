"""The coordinates of a skew-Hermitian matrix: strict upper triangle and imaginary diagonal."""

from typing import Any, Literal, overload

import numpy as np
from pytensor.tensor.variable import TensorVariable

from unitarygraph.core.array import on_diagonal
from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.stacked.algebra import algebra
from unitarygraph.stacked.operands import operands, result
from unitarygraph.stacked.typing import ArrayLike, ComplexField, Field, RealField
from unitarygraph.stacked.variables import ComplexVariable


class UpperPart(MatrixOp):
    """Strict upper triangle of A plus half the imaginary part of its diagonal; real: triangle alone.

    Linear and self-adjoint for Re tr(A^H B), so it is its own derivative and adjoint.
    """

    title = "skew_from_upper"
    arguments = ("A",)
    signature = "F(n,n)->F(n,n)"

    def matrix(self, a):
        upper = np.triu(a, 1)
        if self.field == "complex":
            index = np.arange(a.shape[0])
            upper[index, index] = a[index, index].imag * a.dtype.type(0.5j)
        return upper

    def array(self, xp, a):
        upper = xp.triu(a, 1)
        if self.field == "real":
            return upper
        return on_diagonal(xp, upper, xp.imag(xp.diagonal(a)) * 0.5j)

    def pullback(self, inputs, outputs, cotangents):
        return [self(cotangents[0])]

    def pushforward(self, inputs, outputs, tangents):
        return [self(tangents[0])]


@overload
def skew_from_upper(A: ComplexVariable, field: ComplexField = None) -> ComplexVariable: ...
@overload
def skew_from_upper(A: TensorVariable, field: RealField = None) -> TensorVariable: ...
@overload
def skew_from_upper(A: TensorVariable, field: Literal["complex"]) -> ComplexVariable: ...
@overload
def skew_from_upper(A: ArrayLike, field: Field | None = None) -> Any: ...
def skew_from_upper(A: Any, field: Any = None) -> Any:
    r"""Skew-Hermitian matrix with the strict upper triangle and imaginary diagonal of A.

    ``(..., 2, n, n) -> (..., 2, n, n)``; real: the skew-symmetric matrix with the strict upper
    triangle of A. All other entries of A are not read and get no gradient: A has n^2 free real
    coordinates, n(n-1)/2 in the real field. dtype of A; errors as `unitarygraph.expm`.
    Source: Lezcano-Casado and Martinez-Rubio (2019), section 4.2.
    """
    field, (A,) = operands("skew_from_upper", field, A=A)
    return result(field, skew_of_upper(A, field))


def skew_of_upper(A, field):
    """`skew_from_upper` of a stored tensor."""
    upper = UpperPart(field)(A)
    return upper - algebra(field).hconj(upper)
