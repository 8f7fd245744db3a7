r"""Principal logarithm of unitary matrices, and its derivatives.

A unitary U is normal, so its Schur form :math:`Q T Q^H` is diagonal to rounding, and with w the
arguments of T's diagonal :math:`\log U = Q \mathrm{diag}(i w) Q^H`. The derivative divides by what
that of exp multiplies with,

.. math:: L_{\log}(U, E) = Q (\Psi \circ (Q^H E Q)) Q^H, \quad
          \Psi_{jk} = e^{-i(w_j + w_k)/2} / \mathrm{sinc}((w_j - w_k)/2),

and is infinite only where two eigenvalues face each other across the cut at -1. Higher derivatives
come from :math:`L_{\exp}(\log U, L_{\log}(U, E)) = E`. Source: Higham, Functions of Matrices (2008),
chapter 11 and theorem 3.11.
"""

from math import pi
from typing import Any, Literal, overload

import numpy as np
import scipy.linalg
from pytensor.tensor.variable import TensorVariable

from unitarygraph.core.array import between, hconj
from unitarygraph.core.blas import hconj_product, product, product_hconj
from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.core.tangents import fresh, is_connected, sum_or_disconnected
from unitarygraph.ops.expm.path import ExpmPath
from unitarygraph.ops.expm.skew import phases, sinc_of_differences
from unitarygraph.ops.newton_schulz import (
    NewtonSchulz,
    NewtonSchulzDerivative,
    step,
    steps,
)
from unitarygraph.stacked.algebra import algebra
from unitarygraph.stacked.operands import operands, result
from unitarygraph.stacked.typing import ArrayLike, ComplexField, Field, RealField
from unitarygraph.stacked.variables import ComplexVariable

REFUSED = (
    "U must be unitary, and with field='real' have no eigenvalue -1 (no real principal logarithm)"
)


class Logm(MatrixOp):
    """(log, w, Q) of the unitary matrix next to U, a Newton-Schulz step away; only log has gradients.

    The step is a part of the Op because U is judged before it: 2 U would pass for -U after it.
    """

    title = "logm"
    arguments = ("U",)
    results = ("X", "w", "Q")
    signature = "Z(n,n)->Z(n,n),R(n),C(n,n)"
    refusal = REFUSED
    internal = ("w", "Q")

    def matrix(self, u):
        limit = np.finfo(u.real.dtype).eps ** 0.25
        deviation = np.abs(hconj_product(u, u) - np.eye(len(u), dtype=u.dtype)).max()
        if deviation > limit:
            raise ValueError(
                f"logm: {REFUSED}; the largest entry of U^H U - I is {deviation:.1e}, "
                f"the limit {limit:.1e}"
            )
        t, q = scipy.linalg.schur(step(u), output="complex", check_finite=False)
        w = np.angle(np.diagonal(t))
        if self.field == "real" and np.pi - np.abs(w).max() < 10 * np.finfo(w.dtype).eps * len(w):
            raise ValueError(f"logm: {REFUSED}; got one at exp({w[np.abs(w).argmax()]:.6g} i)")
        x = product_hconj(q * (1j * w).astype(u.dtype), q)
        return (x - x.conj().T) * u.real.dtype.type(0.5), w, q

    def array(self, xp, u):
        # LAPACK makes eigenvectors as Q X with the Schur vectors Q and a triangular X, so that their
        # QR decomposition gives Q back, also where eigenvalues coincide.
        near = steps(xp, u)
        q, _ = xp.qr(xp.eigenvectors(near))
        w = xp.angle(xp.diagonal(between(xp, hconj(xp, q), near)))
        x = (q * (1j * w)[..., None, :]) @ hconj(xp, q)
        return (x - hconj(xp, x)) * 0.5, w, q

    def refuses(self, xp, inputs, outputs):
        (u,), (_, w, _) = inputs, outputs
        deviation = xp.amax(xp.abs(hconj(xp, u) @ u - xp.eye_like(u)), (-2, -1))
        refused = deviation > xp.eps(w) ** 0.25
        if self.field == "real":
            refused = refused | (pi - xp.amax(xp.abs(w), -1) < 10 * xp.eps(w) * w.shape[-1])
        return refused

    def pullback(self, inputs, outputs, cotangents):
        x, w, q = outputs
        (u,) = inputs
        near = NewtonSchulz(self.field)(u)
        near_bar = LogmFrechet(self.field, adjoint=True)(near, x, w, q, cotangents[0])
        return [NewtonSchulzDerivative(self.field)(u, near_bar)]

    def pushforward(self, inputs, outputs, tangents):
        x, w, q = outputs
        (u,), (du,) = inputs, tangents
        near = NewtonSchulz(self.field)(u)
        d_near = NewtonSchulzDerivative(self.field)(u, du)
        none = sum_or_disconnected([])
        return [LogmFrechet(self.field)(near, x, w, q, d_near), none, none]


class LogmFrechet(MatrixOp):
    r""":math:`L_{\log}(U, E)`, or its adjoint in E, from (U, X, w, Q, E) with X = log U.

    U is an input for the sake of further derivatives. D = L_log(U, E) solves L_exp(X, D) = E, so
    :math:`dD = -L_{\log}(P_2(X; D, dX) + P_2(X; dX, D))` with :math:`dX = L_{\log}(U, dU)`; the
    adjoint of D likewise with :math:`X^H`.
    """

    __props__ = ("field", "adjoint")
    title = "logm"
    arguments = ("U", "X", "w", "Q", "E")
    signature = "Z(n,n),Z(n,n),R(n),C(n,n),Z(n,n)->Z(n,n)"
    internal = ("X", "w", "Q")

    def __init__(self, field="complex", adjoint=False):
        self.adjoint = adjoint
        super().__init__(field)

    def matrix(self, u, x, w, q, e):
        m = product(hconj_product(q, e), q)
        phase = np.exp((0.5j if self.adjoint else -0.5j) * w).astype(q.dtype)
        m *= phase[:, None] * phase
        m /= np.sinc((w[:, None] - w) / w.dtype.type(2 * np.pi))
        return product_hconj(product(q, m), q)

    def array(self, xp, u, x, w, q, e):
        m = between(xp, hconj(xp, q), e)
        m = m * phases(xp, w, 0.5j if self.adjoint else -0.5j) / sinc_of_differences(xp, w)
        return between(xp, q, m)

    def of(self, adjoint):
        """L_log or its adjoint."""
        return LogmFrechet(self.field, adjoint)

    def pullback(self, inputs, outputs, cotangents):
        u, x, w, q, _ = inputs
        (d,), (g,) = outputs, cotangents
        e_bar = self.of(not self.adjoint)(u, x, w, q, g)
        # <g, dD> = -<e_bar, P_2(B; D, dB) + P_2(B; dB, D)> with B = X or X^H.
        hconj = algebra(self.field).hconj
        bh = x if self.adjoint else hconj(x)
        dh, path = hconj(d), ExpmPath(self.field, 2)
        b_bar = -(path(bh, dh, e_bar) + path(bh, e_bar, dh))
        x_bar = hconj(b_bar) if self.adjoint else b_bar
        u_bar = self.of(True)(u, x, w, q, x_bar)
        none = sum_or_disconnected([])
        return [u_bar, none, none, none, fresh(e_bar)]

    def pushforward(self, inputs, outputs, tangents):
        u, x, w, q, _ = inputs
        du, _, _, _, de = tangents
        right = [de] if is_connected(de) else []
        if is_connected(du):
            hconj = algebra(self.field).hconj
            dx = self.of(False)(u, x, w, q, du)
            b, db = (hconj(x), hconj(dx)) if self.adjoint else (x, dx)
            path = ExpmPath(self.field, 2)
            right.append(-(path(b, outputs[0], db) + path(b, db, outputs[0])))
        total = sum_or_disconnected(right)
        return [self(u, x, w, q, total) if right else total]


@overload
def logm(U: ComplexVariable, field: ComplexField = None) -> ComplexVariable: ...
@overload
def logm(U: TensorVariable, field: RealField = None) -> TensorVariable: ...
@overload
def logm(U: TensorVariable, field: Literal["complex"]) -> ComplexVariable: ...
@overload
def logm(U: ArrayLike, field: Field | None = None) -> Any: ...
def logm(U: Any, field: Any = None) -> Any:
    r"""Principal logarithm of a unitary matrix: the skew-Hermitian X with :math:`e^X = U`.

    ``(..., 2, n, n) -> (..., 2, n, n)``, or without planes for an orthogonal U with ``field="real"``;
    dtype of U. The eigenvalues of X are i w with w in :math:`(-\pi, \pi]`; at an eigenvalue -1 of U,
    where the logarithm jumps, :math:`w = \pm\pi` by rounding in the complex field, and in the real
    field, where no real principal logarithm exists, ValueError is raised at run time, as for a U
    with an entry of U^H U - I beyond 1.2e-4 (float64) or 1.9e-2 (float32). A smaller deviation is
    reduced by a Newton-Schulz step, so that the gradient is tangent to the unitary matrices.
    Gradients of any order, infinite where two eigenvalues face each other across the cut. Raises
    ValueError for shapes, TypeError for dtypes.
    Source: Higham, Functions of Matrices (2008), chapter 11.
    """
    field, (U,) = operands("logm", field, U=U)
    return result(field, Logm(field)(U)[0])
