r"""Exponential of skew-Hermitian matrices through their eigenvalues, and its derivative.

With :math:`A = V \mathrm{diag}(i w) V^H`, :math:`\exp A = V \mathrm{diag}(e^{iw}) V^H` and

.. math:: L_A(E) = V (\Phi \circ (V^H E V)) V^H, \quad
          \Phi_{jk} = e^{i(w_j + w_k)/2} \mathrm{sinc}((w_j - w_k)/2),

sinc t = sin t / t: the divided differences of Daleckii and Krein without a division by small gaps,
so repeated eigenvalues do no harm. V^H and w travel from the value to the derivative as outputs that
users do not see; in the real field they are a real Schur form in their place
(`skew_real`). Source: Higham, Functions of Matrices (2008), theorem 3.11.
"""

from math import pi

import numpy as np
from scipy.linalg import eigh

from unitarygraph.core.array import between, beyond_rounding, hconj
from unitarygraph.core.blas import hconj_product, product, product_hconj
from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.core.tangents import is_connected, sum_or_disconnected
from unitarygraph.ops.expm.path import SMALL, ExpmPath
from unitarygraph.ops.expm.skew_real import real_exponential, real_frechet, sinc
from unitarygraph.stacked.algebra import algebra

NOT_SKEW = "A must be skew-Hermitian when skew_hermitian=True: A + A^H is not zero"


class ExpmSkew(MatrixOp):
    """(exp A, w, V^H) of the skew-Hermitian part of A; only exp A carries gradients.

    V is unitary and diagonalizes A with eigenvalues i w. In the real field V is orthogonal and
    :math:`V^T A V = [[0, S], [-S^T, 0]]`, S (ceil(n/2), floor(n/2)) diagonal, w the diagonal of S for
    each column of V (0 for the one that is left over if n is odd). Where no eigenvalues were needed, w
    and V^H are zero, and `SkewFrechet` starts from A; backends may fill them as suits theirs.
    """

    title = "expm"
    small = SMALL
    arguments = ("A",)
    results = ("U", "w", "Vh")
    signature = "F(n,n)->F(n,n),R(n),F(n,n)"
    refusal = NOT_SKEW
    internal = ("w", "Vh")

    def matrix(self, a):
        return skew_exponential(a)

    def array(self, xp, a):
        # In the real field V would be complex, which no real output holds.
        w, v = eigenpairs(xp, a)
        vh = hconj(xp, v)
        u = (v * xp.exp(1j * w)[..., None, :]) @ vh
        return u, w, xp.zeros_like(a) if self.field == "real" else vh

    def refuses(self, xp, inputs, outputs):
        (a,) = inputs
        return beyond_rounding(xp, a, a + hconj(xp, a))

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

    A itself is an input for small matrices, whose V^H is zero, and for the sake of further
    derivatives, which leave the eigenvalue path.
    """

    __props__ = ("field", "adjoint")
    title = "expm_frechet"
    small = SMALL
    arguments = ("A", "w", "Vh", "E")
    signature = "F(n,n),R(n),F(n,n),F(n,n)->F(n,n)"
    internal = ("w", "Vh")

    def __init__(self, field="complex", adjoint=False):
        self.adjoint = adjoint
        super().__init__(field)

    def matrix(self, a, w, vh, e):
        if not vh.any():
            _, w, vh = skew_exponential(a)
        frechet = real_frechet if self.field == "real" else complex_frechet
        return frechet(w, vh, e, -1 if self.adjoint else 1)

    def array(self, xp, a, w, vh, e):
        if self.field == "real":
            w, v = eigenpairs(xp, a)
            vh = hconj(xp, v)
        v = hconj(xp, vh)
        m = between(xp, vh, xp.as_type_of(e, v))
        m = m * phases(xp, w, -0.5j if self.adjoint else 0.5j) * sinc_of_differences(xp, w)
        return between(xp, v, m)

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
    return complex_exponential(a) if np.iscomplexobj(a) else real_exponential(a)


def complex_exponential(a):
    """exp A, eigenvalues w of -iA and V^H, V the eigenvectors, of one skew-Hermitian matrix."""
    # To LAPACK the row-major H = -iA is its transpose, which is its conjugate: the eigenvectors
    # come as V's conjugates, column-major, which is V^H, row-major.
    h = (a - a.conj().T) * a.dtype.type(-0.5j)
    w, x = eigh(h.T, driver="evd", check_finite=False, overwrite_a=True)
    vh = x.T
    return hconj_product(vh, np.exp(1j * w).astype(a.dtype)[:, None] * vh), w, vh


def complex_frechet(w, vh, e, sign):
    """V (Phi o (V^H E V)) V^H for one matrix; ``sign=-1`` conjugates Phi."""
    m = product_hconj(product(vh, e), vh)
    phase = np.exp(0.5j * sign * w).astype(vh.dtype)
    m *= phase[:, None] * phase
    m *= sinc((w[:, None] - w) * w.dtype.type(0.5))
    return product(hconj_product(vh, m), vh)


def eigenpairs(xp, a):
    """Real w and unitary V with A = V diag(i w) V^H, for an array of matrices."""
    return xp.eigh((a - hconj(xp, a)) * -0.5j)


def phases(xp, w, factor):
    """exp(factor (w_j + w_k)), for an array of w."""
    phase = xp.exp(factor * w)
    return phase[..., :, None] * phase[..., None, :]


def sinc_of_differences(xp, w):
    """sinc((w_j - w_k)/2), for an array of w."""
    return xp.sinc((w[..., :, None] - w[..., None, :]) / (2 * pi))
