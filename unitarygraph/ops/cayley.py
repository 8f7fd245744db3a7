"""Cayley transform: a rational map from skew-Hermitian to unitary matrices."""

from typing import Any, Literal, overload

import numpy as np
from pytensor.tensor.variable import TensorVariable

from unitarygraph.core.array import solution
from unitarygraph.core.lapack import LU
from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.core.small import Small
from unitarygraph.core.tangents import fresh, is_connected, sum_or_disconnected
from unitarygraph.stacked.algebra import algebra
from unitarygraph.stacked.operands import operands, result
from unitarygraph.stacked.typing import ArrayLike, ComplexField, Field, RealField
from unitarygraph.stacked.variables import ComplexVariable


class ShiftedSolve(MatrixOp):
    r""":math:`X = (I - A/2)^{-1} B`; adjoint :math:`\bar B = (I - A/2)^{-H} \bar X`,
    :math:`\bar A = \frac12 \bar B X^H`. A singular :math:`I - A/2` gives NaN.
    """

    title = "cayley"
    small = Small("cayley", largest=32)
    arguments = ("A", "B")
    signature = "F(n,n),F(n,k)->F(n,k)"

    def matrix(self, a, b):
        return LU(np.eye(len(a), dtype=a.dtype) - a * a.real.dtype.type(0.5)).solve(b)

    def array(self, xp, a, b):
        return solution(xp, xp.eye_like(a) - a * 0.5, b)

    def pullback(self, inputs, outputs, cotangents):
        matrices = algebra(self.field)
        b_bar = self(matrices.hconj(inputs[0]), cotangents[0])
        a_bar = matrices.matmul(b_bar, matrices.hconj(outputs[0]))
        return [half(a_bar), fresh(b_bar)]

    def pushforward(self, inputs, outputs, tangents):
        a, _ = inputs
        da, db = tangents
        right = [db] if is_connected(db) else []
        if is_connected(da):
            right.append(half(algebra(self.field).matmul(da, outputs[0])))
        total = sum_or_disconnected(right)
        return [self(a, total) if right else total]


class Cayley(MatrixOp):
    r""":math:`W = (I - A/2)^{-1} (I + A/2)`.

    Adjoint: :math:`\bar A = \frac12 \bar B (I + W)^H` with :math:`\bar B = (I - A/2)^{-H} \bar W`.
    """

    title = "cayley"
    small = Small("cayley", largest=32)
    arguments = ("A",)
    signature = "F(n,n)->F(n,n)"

    def matrix(self, a):
        identity = np.eye(len(a), dtype=a.dtype)
        a = a * a.real.dtype.type(0.5)
        return LU(identity - a).solve(identity + a)

    def array(self, xp, a):
        identity, a = xp.eye_like(a), a * 0.5
        return solution(xp, identity - a, identity + a)

    def pullback(self, inputs, outputs, cotangents):
        matrices = algebra(self.field)
        b_bar = ShiftedSolve(self.field)(matrices.hconj(inputs[0]), cotangents[0])
        return [half(b_bar + matrices.matmul(b_bar, matrices.hconj(outputs[0])))]

    def pushforward(self, inputs, outputs, tangents):
        (da,) = tangents
        right = da + algebra(self.field).matmul(da, outputs[0])
        return [half(ShiftedSolve(self.field)(inputs[0], right))]


def half(x):
    """x / 2 in the dtype of x."""
    return x * np.asarray(0.5, x.type.dtype)


@overload
def cayley(A: ComplexVariable, field: ComplexField = None) -> ComplexVariable: ...
@overload
def cayley(A: TensorVariable, field: RealField = None) -> TensorVariable: ...
@overload
def cayley(A: TensorVariable, field: Literal["complex"]) -> ComplexVariable: ...
@overload
def cayley(A: ArrayLike, field: Field | None = None) -> Any: ...
def cayley(A: Any, field: Any = None) -> Any:
    r"""Cayley transform :math:`W = (I - A/2)^{-1} (I + A/2)`, of shape and dtype of A.

    ``(..., 2, n, n)``, or ``(..., n, n)`` with ``field="real"``. Unitary when A is skew-Hermitian;
    equal to :math:`e^A` to second order. Where :math:`I - A/2` is singular (never for a
    skew-Hermitian A) the result is NaN. Gradients of any order. Raises ValueError for shapes,
    TypeError for dtypes. Other codes of the field use :math:`(I + A)^{-1} (I - A)`, which is
    ``cayley(-2 * A)``. Source: Helfrich, Willmott and Ye (2018); Wen and Yin (2013).
    """
    field, (A,) = operands("cayley", field, A=A)
    return result(field, Cayley(field)(A))
