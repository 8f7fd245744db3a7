"""Cayley transform: a rational map from skew-Hermitian to unitary matrices."""

from typing import Any, Literal, overload

import numpy as np
from pytensor.tensor.variable import TensorVariable

from unitarygraph.core.array import hconj, solution
from unitarygraph.core.blas import hconj_product, product, product_hconj
from unitarygraph.core.inverse import inverse
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
        return LU(shifted(a), overwrite=True).solve(b)

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
    r""":math:`W = 2 V - I`, and :math:`V = (I - A/2)^{-1}`, which the derivatives read.

    W and :math:`(I - A/2)^{-1} (I + A/2)` are one. Derivative :math:`dW = V dA V`.
    """

    title = "cayley"
    small = Small("cayley", largest=32)
    arguments = ("A",)
    results = ("W", "V")
    internal = ("V",)
    signature = "F(n,n)->F(n,n),F(n,n)"

    def matrix(self, a):
        v = inverse(shifted(a))
        return shifted(v, 2, -1), v

    def array(self, xp, a):
        identity = xp.eye_like(a)
        v = solution(xp, identity - a * 0.5, identity + xp.zeros_like(a))
        return v * 2 - identity, v

    def pullback(self, inputs, outputs, cotangents):
        return [CayleyDerivative(self.field, adjoint=True)(*inputs, outputs[1], cotangents[0])]

    def pushforward(self, inputs, outputs, tangents):
        return [
            CayleyDerivative(self.field)(*inputs, outputs[1], tangents[0]),
            sum_or_disconnected([]),
        ]


class CayleyDerivative(MatrixOp):
    """V E V, or V^H E V^H with ``adjoint``, for the V of `Cayley`: (A, V, E) -> derivative along E.

    A itself is an input for the sake of further derivatives.
    """

    __props__ = ("field", "adjoint")
    title = "cayley"
    small = Small("cayley", largest=32)
    arguments = ("A", "V", "E")
    unread = ("A",)
    internal = ("V",)
    signature = "F(n,n),F(n,n),F(n,n)->F(n,n)"

    def __init__(self, field="complex", adjoint=False):
        self.adjoint = adjoint
        super().__init__(field)

    def matrix(self, a, v, e):
        if self.adjoint:
            return product_hconj(hconj_product(v, e), v)
        return product(product(v, e), v)

    def array(self, xp, a, v, e):
        v = hconj(xp, v) if self.adjoint else v
        return v @ e @ v

    def pullback(self, inputs, outputs, cotangents):
        a, v, _ = inputs
        (g,) = cotangents
        matrices = algebra(self.field)
        hconj, matmul = matrices.hconj, matrices.matmul
        dh = hconj(outputs[0])
        # With the adjoint all this is said of A^H.
        before, after = self._around(a, g, not self.adjoint)
        a_bar = half(matmul(before, dh) + matmul(dh, after))
        e_bar = CayleyDerivative(self.field, not self.adjoint)(a, v, g)
        return [hconj(a_bar) if self.adjoint else a_bar, sum_or_disconnected([]), fresh(e_bar)]

    def pushforward(self, inputs, outputs, tangents):
        a, v, _ = inputs
        da, _, de = tangents
        matrices = algebra(self.field)
        terms = [self(a, v, de)] if is_connected(de) else []
        if is_connected(da):
            da = matrices.hconj(da) if self.adjoint else da
            before, _ = self._around(a, matrices.matmul(da, outputs[0]), self.adjoint)
            _, after = self._around(a, matrices.matmul(outputs[0], da), self.adjoint)
            terms.append(half(before + after))
        return [sum_or_disconnected(terms)]

    def _around(self, a, z, adjoint):
        """V Z and Z V, or V^H Z and Z V^H, as functions of A."""
        solve, hconj = ShiftedSolve(self.field), algebra(self.field).hconj
        ah = hconj(a)
        if adjoint:
            a, ah = ah, a
        return solve(a, z), hconj(solve(ah, hconj(z)))


def shifted(a, factor=-0.5, shift=1):
    """A factor times A, and a shift of the diagonal; row-major."""
    m = np.multiply(a, a.real.dtype.type(factor), order="C")
    diagonal = m.reshape(-1)[:: len(a) + 1]
    diagonal += shift
    return m


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
    W, _ = Cayley(field)(A)
    return result(field, W)
