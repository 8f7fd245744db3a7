"""Square root and logarithm of Hermitian positive definite matrices, through their eigenvalues."""

import numpy as np
import scipy.linalg
from pytensor.gradient import grad_not_implemented

from unitarygraph.core.array import between, hconj, hermitian
from unitarygraph.core.blas import hconj_product, lapack_function, product, product_hconj
from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.core.tangents import sum_or_disconnected
from unitarygraph.ops.lyapunov import Lyapunov
from unitarygraph.stacked.algebra import algebra


class PositiveRoot(MatrixOp):
    r"""(S, s, V) with :math:`S^2 = \mathrm{herm}\,A`, S positive; NaN unless that is positive definite.

    :math:`S\,dS + dS\,S = dA`: sums of eigenvalues are divided by, never differences. Gradients of
    any order. Source: Higham, Functions of Matrices (2008), section 6.1.
    """

    title = "root"
    arguments = ("A",)
    results = ("S", "s", "V")
    signature = "F(n,n)->F(n,n),R(n),F(n,n)"
    internal = ("s", "V")

    def matrix(self, a):
        w, v = positive_eigh(a)
        s = np.sqrt(w)
        return product_hconj(v * s, v), s, v

    def array(self, xp, a):
        w, v = positive_eighs(xp, a)
        s = xp.sqrt(w)
        return (v * s[..., None, :]) @ hconj(xp, v), s, v

    def pullback(self, inputs, outputs, cotangents):
        return [self._derivative(outputs, cotangents[0])]

    def pushforward(self, inputs, outputs, tangents):
        none = sum_or_disconnected([])
        return [self._derivative(outputs, tangents[0]), none, none]

    def _derivative(self, outputs, e):
        return Lyapunov(self.field)(*outputs, algebra(self.field).hermitian(e))


class PositiveLog(MatrixOp):
    r"""(L, w, V) with :math:`e^L = \mathrm{herm}\,A`; NaN unless that is positive definite.

    The derivative multiplies :math:`V^H E V` with the divided differences of log, see
    `PositiveLogDerivative`. Source: Higham, Functions of Matrices (2008), theorem 3.11.
    """

    title = "log"
    arguments = ("A",)
    results = ("L", "w", "V")
    signature = "F(n,n)->F(n,n),R(n),F(n,n)"
    internal = ("w", "V")

    def matrix(self, a):
        w, v = positive_eigh(a)
        return product_hconj(v * np.log(w), v), w, v

    def array(self, xp, a):
        w, v = positive_eighs(xp, a)
        return (v * xp.log(w)[..., None, :]) @ hconj(xp, v), w, v

    def pullback(self, inputs, outputs, cotangents):
        return [self._derivative(outputs, cotangents[0])]

    def pushforward(self, inputs, outputs, tangents):
        none = sum_or_disconnected([])
        return [self._derivative(outputs, tangents[0]), none, none]

    def _derivative(self, outputs, e):
        e = algebra(self.field).hermitian(e)
        return PositiveLogDerivative(self.field)(*outputs[1:], e)


class PositiveLogDerivative(MatrixOp):
    r"""Derivative of the logarithm in the direction E from (w, V, E), linear and self-adjoint in E.

    :math:`(\log a - \log b)/(a - b) = \mathrm{artanh}(t) / t \cdot 2/(a + b)`,
    :math:`t = (a - b)/(a + b)`: nothing small is divided by. No second derivatives.
    """

    title = "log"
    arguments = ("w", "V", "E")
    signature = "R(n),F(n,n),F(n,n)->F(n,n)"

    def matrix(self, w, v, e):
        total = w[:, None] + w
        t = (w[:, None] - w) / total
        small = np.abs(t) < 1e-4
        safe = np.where(small, 0.5, t)
        ratio = np.where(small, 1 + t * t / 3, np.arctanh(safe) / safe)
        m = product(hconj_product(v, e), v) * (2 * ratio / total).astype(w.dtype)
        return product_hconj(product(v, m), v)

    def array(self, xp, w, v, e):
        total = w[..., :, None] + w[..., None, :]
        t = (w[..., :, None] - w[..., None, :]) / total
        small = xp.abs(t) < 1e-4
        safe = xp.where(small, 0.5, t)
        ratio = xp.where(small, 1 + t * t / 3, xp.arctanh(safe) / safe)
        return between(xp, v, between(xp, hconj(xp, v), e) * (2 * ratio / total))

    def pullback(self, inputs, outputs, cotangents):
        w, v, _ = inputs
        why = "second derivatives of the logarithm of positive definite matrices"
        return [
            grad_not_implemented(self, 0, w, why),
            grad_not_implemented(self, 1, v, why),
            self(w, v, cotangents[0]),
        ]


class PositiveGuard(MatrixOp):
    """The Hermitian part of A where it is positive definite, NaN elsewhere; linear where it is."""

    title = "retr"
    arguments = ("A",)
    signature = "F(n,n)->F(n,n)"

    def matrix(self, a):
        a = hermitian_part(a)
        _, info = lapack_function("potrf", a.dtype.name)(a)
        return a if info == 0 else np.nan

    def array(self, xp, a):
        a = hermitian(xp, a)
        lowest = xp.eigh(a)[0][..., :1, None]
        return xp.where(lowest > 0, a, float("nan"))

    def pullback(self, inputs, outputs, cotangents):
        return [algebra(self.field).hermitian(cotangents[0])]

    def pushforward(self, inputs, outputs, tangents):
        return self.pullback(inputs, outputs, tangents)


class NearestPositive(MatrixOp):
    r"""The Hermitian part of A, its eigenvalues raised to :math:`\sqrt\epsilon` times the largest."""

    title = "project"
    arguments = ("A",)
    signature = "F(n,n)->F(n,n)"

    def matrix(self, a):
        a = hermitian_part(a)
        w, v = eigh(a)
        lowest = np.finfo(w.dtype).eps ** 0.5 * np.abs(w).max()
        if w[0] >= lowest:
            return a
        return hermitian_part(product_hconj(v * np.maximum(w, lowest), v))

    def array(self, xp, a):
        a = hermitian(xp, a)
        w, v = xp.eigh(a)
        lowest = xp.eps(w) ** 0.5 * xp.amax(xp.abs(w), -1)[..., None]
        raised = (v * xp.where(w > lowest, w, lowest)[..., None, :]) @ hconj(xp, v)
        return xp.where((w >= lowest)[..., :1, None], a, hermitian(xp, raised))

    def pullback(self, inputs, outputs, cotangents):
        why = "the nearest positive definite matrix is computed on values"
        return [grad_not_implemented(self, 0, inputs[0], why)]


def positive_eigh(a):
    """Eigenvalues and vectors of the Hermitian part of A, the values NaN unless all are positive."""
    w, v = eigh(hermitian_part(a))
    return (w if w[0] > 0 else np.full_like(w, np.nan)), v


def positive_eighs(xp, a):
    """`positive_eigh` for an array of matrices."""
    w, v = xp.eigh(hermitian(xp, a))
    return xp.where(w[..., :1] > 0, w, float("nan")), v


def eigh(a):
    """Eigenvalues, ascending, and eigenvectors of a Hermitian matrix."""
    return scipy.linalg.eigh(a, driver="evd", check_finite=False)


def hermitian_part(a):
    """(A + A^H)/2."""
    return (a + a.conj().T) * a.real.dtype.type(0.5)
