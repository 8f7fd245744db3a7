r"""Exponential of skew-Hermitian matrices through their eigenvalues, and its derivative.

With :math:`A = V \mathrm{diag}(i w) V^H`, :math:`\exp A = V \mathrm{diag}(e^{iw}) V^H` and

.. math:: L_A(E) = V (\Phi \circ (V^H E V)) V^H, \quad
          \Phi_{jk} = e^{i(w_j + w_k)/2} \mathrm{sinc}((w_j - w_k)/2),

sinc t = sin t / t: the divided differences of Daleckii and Krein without a division by small gaps,
so repeated eigenvalues do no harm. V^H and w travel from the value to the derivative as outputs that
users do not see; in the real field they are a real Schur form in their place
(`unitarygraph.ops.expm_skew_real`). Source: Higham, Functions of Matrices (2008), theorem 3.11.
"""

import numpy as np

from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.core.tangents import is_connected, sum_or_disconnected
from unitarygraph.ops import expm_skew_complex, expm_skew_real
from unitarygraph.ops.expm_path import ExpmPath
from unitarygraph.stacked.algebra import algebra

KERNELS = {"complex": expm_skew_complex, "real": expm_skew_real}
NOT_SKEW = "A must be skew-Hermitian when skew_hermitian=True: A + A^H is not zero"


class ExpmSkew(MatrixOp):
    """(exp A, w, V^H) of the skew-Hermitian part of A; only exp A carries gradients.

    V is unitary and diagonalises A with eigenvalues i w. In the real field V is orthogonal and
    :math:`V^T A V = [[0, S], [-S^T, 0]]`, S (ceil(n/2), floor(n/2)) diagonal, w the diagonal of S for
    each column of V (0 for the one that is left over if n is odd). Backends may fill w and V^H as
    suits their `SkewFrechet`.
    """

    title = "expm"
    arguments = ("A",)
    results = ("U", "w", "Vh")
    signature = "F(n,n)->F(n,n),R(n),F(n,n)"
    refusal = NOT_SKEW
    internal = ("w", "Vh")

    def matrix(self, a):
        return skew_exponential(a)

    def pullback(self, inputs, outputs, cotangents):
        (a,) = inputs
        _, w, vh = outputs
        u_bar = cotangents[0]
        frechet = SkewFrechet(self.field, adjoint=True)
        return [algebra(self.field).skew_hermitian(frechet(a, w, vh, u_bar))]

    def pushforward(self, inputs, outputs, tangents):
        (a,) = inputs
        (da,) = tangents
        _, w, vh = outputs
        da = algebra(self.field).skew_hermitian(da)
        none = sum_or_disconnected([])
        return [SkewFrechet(self.field, adjoint=False)(a, w, vh, da), none, none]


class SkewFrechet(MatrixOp):
    """:math:`L_A(E)`, or its adjoint :math:`L_{A^H}(E)`, from A's eigenpairs (A, w, V^H, E).

    A itself is an input for the sake of further derivatives, which leave the eigenvalue path.
    """

    __props__ = ("field", "adjoint")
    title = "expm_frechet"
    arguments = ("A", "w", "Vh", "E")
    unread = ("A",)
    signature = "F(n,n),R(n),F(n,n),F(n,n)->F(n,n)"
    internal = ("w", "Vh")

    def __init__(self, field="complex", adjoint=False):
        self.adjoint = adjoint
        super().__init__(field)

    def matrix(self, a, w, vh, e):
        return KERNELS[self.field].skew_frechet(w, vh, e, -1 if self.adjoint else 1)

    def pullback(self, inputs, outputs, cotangents):
        a, w, vh, e = inputs
        (g,) = cotangents
        matrices = algebra(self.field)
        none = sum_or_disconnected([])
        # The value is L_B(E) with B = A or B = A^H = -A, so B^H = -A or A and dB = +-dA.
        sign = np.asarray(-1 if self.adjoint else 1, a.type.dtype)
        second = self._second(-sign * a, g, matrices.hconj(e))
        e_bar = SkewFrechet(self.field, not self.adjoint)(a, w, vh, g)
        return [sign * matrices.skew_hermitian(second), none, none, e_bar]

    def pushforward(self, inputs, outputs, tangents):
        a, w, vh, e = inputs
        da, _, _, de = tangents
        terms = [self(a, w, vh, de)] if is_connected(de) else []
        if is_connected(da):
            sign = np.asarray(-1 if self.adjoint else 1, a.type.dtype)
            db = sign * algebra(self.field).skew_hermitian(da)
            terms.append(self._second(sign * a, db, e))
        return [sum_or_disconnected(terms)]

    def _second(self, b, x, y):
        """Derivative in A: P_2 at B with x and y in either order."""
        path = ExpmPath(self.field, 2)
        return path(b, x, y) + path(b, y, x)


def skew_exponential(a):
    """exp A, w and V^H for one skew-Hermitian matrix, complex or real; ValueError for another one."""
    defect, size = np.abs(a + a.conj().T).max(initial=0), np.abs(a).max(initial=0)
    limit = np.finfo(a.real.dtype).eps ** 0.25 * (1 + size)
    if defect > limit:
        raise ValueError(
            f"expm: {NOT_SKEW}; the largest entry of A + A^H is {defect:.1e}, the limit {limit:.1e}"
        )
    return KERNELS["complex" if np.iscomplexobj(a) else "real"].skew_exponential(a)
