"""QR decomposition, made unique by a real positive diagonal of R."""

from typing import Any, Literal, overload

import numpy as np
from pytensor.tensor.variable import TensorVariable

from unitarygraph.core.array import hconj, on_diagonal, solution
from unitarygraph.core.blas import blas_function
from unitarygraph.core.formula import FormulaOp
from unitarygraph.core.lapack import cholesky_qr, not_a_number, thin_qr
from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.core.small import Small
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

    Adjoint: `QRPullback`. Derivative: with :math:`X = dA\,R^{-1}`, :math:`S = Q^H X`
    and H the strict lower triangle of S: :math:`dR = (S - \Omega) R`, :math:`dQ = X - Q (S - \Omega)`,
    :math:`\Omega = H - H^H + i\,\mathrm{Im}\,\mathrm{diag} S`.
    """

    title = "qr"
    small = Small("qr", largest=32)
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
        r *= phase.conj()[:, None]
        q *= phase
        index = np.arange(len(size))
        r[index, index] = size
        return q, r

    def array(self, xp, a):
        q, r = xp.qr(a)
        d = xp.diagonal(r)
        size = xp.abs(d)
        phase = xp.where(size > 0, d / xp.where(size > 0, size, 1), 1)
        r = xp.conj(phase)[..., :, None] * r
        return q * phase[..., None, :], on_diagonal(xp, r, size)

    def pullback(self, inputs, outputs, cotangents):
        given = [bar for bar in cotangents if is_connected(bar)]
        return [QRPullback(self.field, *map(is_connected, cotangents))(*outputs, *given)]

    def pushforward(self, inputs, outputs, tangents):
        q, r = outputs
        matrices = algebra(self.field)
        hconj, matmul = matrices.hconj, matrices.matmul
        x = hconj(Solve(self.field, "lower")(hconj(r), hconj(tangents[0])))
        s = matmul(hconj(q), x)
        # S - Omega is upper triangular with a real diagonal: half the adjoint of copyltu, mirrored.
        upper = hconj(LowerHermitian(self.field, adjoint=True)(s))
        return [x - matmul(q, upper), matmul(upper, r)]


class QRPullback(FormulaOp):
    r"""Adjoint of `QR`, (Q, R, Q_bar, R_bar) -> A_bar, of both cotangents or of one.

    :math:`\bar A = (\bar Q + Q\,\mathrm{copyltu}(M)) R^{-H}`, :math:`M = R \bar R^H - \bar Q^H Q`.
    """

    __props__ = ("field", "of_q", "of_r")
    title = "qr"
    small = Small("qr", largest=32)

    def __init__(self, field="complex", of_q=True, of_r=True):
        self.of_q, self.of_r = of_q, of_r
        super().__init__(field)

    @property
    def arguments(self):
        """Names of the inputs: the factors, and the cotangents that there are."""
        return ("Q", "R", *["Q_bar"] * self.of_q, *["R_bar"] * self.of_r)

    @property
    def signature(self):
        """Shapes, likewise."""
        given = ("F(m,n)", "F(n,n)", *["F(m,n)"] * self.of_q, *["F(n,n)"] * self.of_r)
        return f"{','.join(given)}->F(m,n)"

    def cotangents(self, bars):
        """Q_bar and R_bar; None for the one that there is not."""
        bars = iter(bars)
        return (next(bars) if self.of_q else None, next(bars) if self.of_r else None)

    def matrix(self, q, r, *bars):
        q_bar, r_bar = self.cotangents(bars)
        if not np.diagonal(r).all():
            return not_a_number(q)
        dtype = q.dtype.name
        gemm = blas_function("gemm", dtype)
        # All by transposes, which is how BLAS sees row-major matrices.
        m = None if q_bar is None else gemm(-1, q.T, q_bar.T, trans_b=2)
        if r_bar is not None:
            added = {} if m is None else {"beta": 1, "c": m, "overwrite_c": True}
            m = gemm(1, r_bar.T, r.T, trans_a=2, **added)
        added = {} if q_bar is None else {"beta": 1, "c": q_bar.T}
        # copyltu(M) is what BLAS makes of one triangle of M where it expects a Hermitian matrix.
        hemm = blas_function("hemm" if np.iscomplexobj(q) else "symm", dtype)
        right = hemm(1, m, q.T, **added)
        trsm = blas_function("trsm", dtype)
        return trsm(1, r.T, right, lower=True, trans_a=2, overwrite_b=True).T

    def array(self, xp, q, r, *bars):
        q_bar, r_bar = self.cotangents(bars)
        m = 0 if r_bar is None else r @ hconj(xp, r_bar)
        m = m if q_bar is None else m - hconj(xp, q_bar) @ q
        right = q @ LowerHermitian(self.field).array(xp, m)
        right = right if q_bar is None else right + q_bar
        return hconj(xp, solution(xp, r, hconj(xp, right)))

    def formula(self, q, r, *bars):
        q_bar, r_bar = self.cotangents(bars)
        matrices = algebra(self.field)
        hconj, matmul = matrices.hconj, matrices.matmul
        terms = []
        if self.of_r:
            terms.append(matmul(r, hconj(r_bar)))
        if self.of_q:
            terms.append(-matmul(hconj(q_bar), q))
        right = matmul(q, LowerHermitian(self.field)(sum_or_disconnected(terms)))
        if self.of_q:
            right = right + q_bar
        return hconj(Solve(self.field, "upper")(r, hconj(right)))


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
