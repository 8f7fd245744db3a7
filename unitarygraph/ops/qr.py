"""QR decomposition, made unique by a real positive diagonal of R."""

from typing import Any, Literal, overload

import numpy as np
from pytensor.tensor.variable import TensorVariable

from unitarygraph.core.array import hconj, on_diagonal
from unitarygraph.core.lapack import cholesky_qr, thin_qr
from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.core.tangents import is_connected, sum_or_disconnected
from unitarygraph.stacked.algebra import algebra
from unitarygraph.stacked.operands import operands, result
from unitarygraph.stacked.ops import Solve
from unitarygraph.stacked.typing import ArrayLike, ComplexField, Field, RealField
from unitarygraph.stacked.variables import ComplexVariable


class LowerHermitian(MatrixOp):
    r"""copyltu: the Hermitian matrix with the strict lower triangle and real diagonal of M.

    ``adjoint`` is its adjoint: :math:`2\,\mathrm{tril}(\mathrm{herm}\,H, -1)` and the real diagonal.
    """

    __props__ = ("field", "adjoint")
    title = "qr"
    arguments = ("M",)
    signature = "F(n,n)->F(n,n)"

    def __init__(self, field="complex", adjoint=False):
        self.adjoint = adjoint
        super().__init__(field)

    def matrix(self, m):
        diagonal = np.diag(np.diagonal(m).real)
        if self.adjoint:
            return np.tril(m + m.conj().T, -1) + diagonal
        lower = np.tril(m, -1)
        return lower + lower.conj().T + diagonal

    def array(self, xp, m):
        if self.adjoint:
            lower = xp.tril(m + hconj(xp, m), -1)
        else:
            lower = xp.tril(m, -1)
            lower = lower + hconj(xp, lower)
        return on_diagonal(xp, lower, xp.real(xp.diagonal(m)))

    def pullback(self, inputs, outputs, cotangents):
        return [LowerHermitian(self.field, not self.adjoint)(cotangents[0])]

    def pushforward(self, inputs, outputs, tangents):
        return [self(tangents[0])]


class QR(MatrixOp):
    r"""(Q, R) with :math:`R_{jj} > 0`.

    Adjoint: :math:`\bar A = (\bar Q + Q\,\mathrm{copyltu}(M)) R^{-H}`,
    :math:`M = R \bar R^H - \bar Q^H Q`. Derivative: with :math:`X = dA\,R^{-1}`, :math:`S = Q^H X`
    and H the strict lower triangle of S: :math:`dR = (S - \Omega) R`, :math:`dQ = X - Q (S - \Omega)`,
    :math:`\Omega = H - H^H + i\,\mathrm{Im}\,\mathrm{diag} S`.
    """

    title = "qr"
    arguments = ("A",)
    results = ("Q", "R")
    signature = "F(m,n)->F(m,n),F(n,n)"
    conditions = (("m >= n", "A must have at least as many rows as columns"),)

    def matrix(self, a):
        return cholesky_qr(a) or self.by_reflections(a)

    def by_reflections(self, a):
        """LAPACK's factors, made unique."""
        q, r = thin_qr(a)
        d = np.diagonal(r)
        size = np.abs(d)
        phase = np.where(size > 0, d / np.where(size > 0, size, 1), 1).astype(a.dtype)
        r = phase.conj()[:, None] * r
        index = np.arange(len(size))
        r[index, index] = size
        return q * phase, r

    def array(self, xp, a):
        q, r = xp.qr(a)
        d = xp.diagonal(r)
        size = xp.abs(d)
        phase = xp.where(size > 0, d / xp.where(size > 0, size, 1), 1)
        r = xp.conj(phase)[..., :, None] * r
        return q * phase[..., None, :], on_diagonal(xp, r, size)

    def pullback(self, inputs, outputs, cotangents):
        q, r = outputs
        q_bar, r_bar = cotangents
        matrices = algebra(self.field)
        hconj, matmul = matrices.hconj, matrices.matmul
        terms = []
        if is_connected(r_bar):
            terms.append(matmul(r, hconj(r_bar)))
        if is_connected(q_bar):
            terms.append(-matmul(hconj(q_bar), q))
        right = matmul(q, LowerHermitian(self.field)(sum_or_disconnected(terms)))
        if is_connected(q_bar):
            right = right + q_bar
        return [hconj(Solve(self.field, "upper")(r, hconj(right)))]

    def pushforward(self, inputs, outputs, tangents):
        q, r = outputs
        matrices = algebra(self.field)
        hconj, matmul = matrices.hconj, matrices.matmul
        x = hconj(Solve(self.field, "lower")(hconj(r), hconj(tangents[0])))
        s = matmul(hconj(q), x)
        # S - Omega is upper triangular with a real diagonal: half the adjoint of copyltu, mirrored.
        upper = hconj(LowerHermitian(self.field, adjoint=True)(s))
        return [x - matmul(q, upper), matmul(upper, r)]


@overload
def qr(
    A: ComplexVariable, field: ComplexField = None
) -> tuple[ComplexVariable, ComplexVariable]: ...
@overload
def qr(A: TensorVariable, field: RealField = None) -> tuple[TensorVariable, TensorVariable]: ...
@overload
def qr(A: TensorVariable, field: Literal["complex"]) -> tuple[ComplexVariable, ComplexVariable]: ...
@overload
def qr(A: ArrayLike, field: Field | None = None) -> tuple[Any, Any]: ...
def qr(A: Any, field: Any = None) -> Any:
    r"""QR decomposition :math:`A = Q R` with the diagonal of R real and positive.

    ``(..., 2, m, n) -> (..., 2, m, n), (..., 2, n, n)``, m >= n, or without planes with
    ``field="real"``; dtype of A. Column j of LAPACK's Q is multiplied by the phase
    :math:`R_{jj} / |R_{jj}|`: only then is (Q, R) unique and a differentiable function of A, and
    X -> Q of X + U a retraction. Gradients of any order; undefined at rank < n. Raises ValueError for
    shapes (m < n too), TypeError for dtypes. Source: Walter, Lehmann and Lamour (2012), "On
    evaluating higher-order derivatives of the QR decomposition".
    """
    field, (A,) = operands("qr", field, A=A)
    return result(field, *QR(field)(A))
