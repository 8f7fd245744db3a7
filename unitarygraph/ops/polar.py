"""Polar decomposition, A = U P."""

from typing import Any, Literal, overload

from pytensor.tensor.variable import TensorVariable

from unitarygraph.core.array import hconj, hermitian
from unitarygraph.core.blas import product
from unitarygraph.core.lapack import (
    hermitian_product,
    hermitian_square,
    orthonormalized,
    right_singular,
    thin_svd,
)
from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.core.tangents import is_connected, sum_or_disconnected
from unitarygraph.ops.lyapunov import Lyapunov
from unitarygraph.stacked.algebra import algebra
from unitarygraph.stacked.operands import operands, result
from unitarygraph.stacked.typing import ArrayLike, ComplexField, Field, RealField
from unitarygraph.stacked.variables import ComplexVariable


class Polar(MatrixOp):
    r"""(U, P, s, V) with A = U P, by the thin SVD :math:`A = W \mathrm{diag}(s) V^H`.

    With :math:`dU = U \Omega + (I - U U^H) dA P^{-1}` and :math:`dP = U^H dA - \Omega P`, where the
    skew-Hermitian :math:`\Omega` solves :math:`P \Omega + \Omega P = U^H dA - dA^H U`, the adjoint is

    .. math:: \bar A = U (2 Y + \mathrm{herm}\,\bar P) + (I - U U^H) \bar U P^{-1}, \quad
              P Y + Y P = \mathrm{skew}(U^H \bar U - \mathrm{herm}(\bar P) P).

    Sums of singular values are divided by, never differences: repeated ones do no harm.
    """

    title = "polar"
    arguments = ("A",)
    results = ("U", "P", "s", "V")
    signature = "F(m,n)->F(m,n),F(n,n),R(n),F(n,n)"
    conditions = (("m >= n", "A must have at least as many rows as columns"),)
    internal = ("s", "V")

    def matrix(self, a):
        found = right_singular(a)
        if found is None:
            w, s, vh = thin_svd(a)
            u = product(w, vh)
        else:
            s, vh = found
            # V is as orthonormal as its algorithm leaves it, and the inverse doubles what A^H A lost.
            u = orthonormalized(hermitian_product(a, vh * s[:, None] ** -0.5))
        return u, hermitian_square(s[:, None] ** 0.5 * vh), s, vh.conj().T

    def array(self, xp, a):
        w, s, vh = xp.svd(a)
        v = hconj(xp, vh)
        return w @ vh, hermitian(xp, (v * s[..., None, :]) @ vh), s, v

    def pullback(self, inputs, outputs, cotangents):
        u, p, s, v = outputs
        u_bar, p_bar = cotangents[:2]
        matrices = algebra(self.field)
        hconj, matmul = matrices.hconj, matrices.matmul
        inside, outside, inner = [], [], []
        if is_connected(u_bar):
            projected = matmul(hconj(u), u_bar)
            inner.append(projected)
            outside += self._beyond_the_range(inputs[0], p, u_bar - matmul(u, projected))
        if is_connected(p_bar):
            p_bar = matrices.hermitian(p_bar)
            inner.append(-matmul(p_bar, p))
            inside.append(p_bar)
        q = matrices.skew_hermitian(sum_or_disconnected(inner))
        inside.append(2 * Lyapunov(self.field)(p, s, v, q))
        return [sum_or_disconnected([matmul(u, sum_or_disconnected(inside)), *outside])]

    def pushforward(self, inputs, outputs, tangents):
        u, p, s, v = outputs
        (da,) = tangents
        matrices = algebra(self.field)
        matmul = matrices.matmul
        inside = matmul(matrices.hconj(u), da)
        omega = Lyapunov(self.field)(p, s, v, 2 * matrices.skew_hermitian(inside))
        beyond = self._beyond_the_range(inputs[0], p, da - matmul(u, inside))
        du = sum_or_disconnected([matmul(u, omega), *beyond])
        none = sum_or_disconnected([])
        return [du, inside - matmul(omega, p), none, none]

    def _beyond_the_range(self, a, p, z):
        """[Z P^{-1}], or nothing when A is known to be square and Z therefore zero."""
        m, n = a.type.shape[-2:]
        if m is not None and m == n:
            return []
        matrices = algebra(self.field)
        return [matrices.hconj(matrices.solve(p, matrices.hconj(z)))]


@overload
def polar(
    A: ComplexVariable, field: ComplexField = None
) -> tuple[ComplexVariable, ComplexVariable]: ...
@overload
def polar(A: TensorVariable, field: RealField = None) -> tuple[TensorVariable, TensorVariable]: ...
@overload
def polar(
    A: TensorVariable, field: Literal["complex"]
) -> tuple[ComplexVariable, ComplexVariable]: ...
@overload
def polar(A: ArrayLike, field: Field | None = None) -> tuple[Any, Any]: ...
def polar(A: Any, field: Any = None) -> Any:
    r"""Polar decomposition :math:`A = U P`, U with orthonormal columns, P Hermitian.

    ``(..., 2, m, n) -> (..., 2, m, n), (..., 2, n, n)``, m >= n, or without planes with
    ``field="real"``; dtype of A. P is positive semidefinite; U is the nearest matrix with orthonormal
    columns, unique when A has rank n. Gradients of any order, safe at repeated singular values,
    undefined at rank < n. Raises ValueError for shapes (m < n too), TypeError for dtypes.
    Source: Higham, Functions of Matrices (2008), chapter 8.
    """
    field, (A,) = operands("polar", field, A=A)
    U, P, _, _ = Polar(field)(A)
    return result(field, U, P)
