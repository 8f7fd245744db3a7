"""Eigendecomposition of Hermitian matrices with a fixed phase of each eigenvector."""

from typing import Any, Literal, overload

import numpy as np
import pytensor.tensor as pt
import scipy.linalg
from pytensor.tensor.variable import TensorVariable

from unitarygraph.core.array import beyond_rounding, hconj, hermitian, on_diagonal
from unitarygraph.core.blas import hconj_product, product, product_hconj
from unitarygraph.core.formula import FormulaOp
from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.core.small import Small
from unitarygraph.core.tangents import is_connected, sum_or_disconnected
from unitarygraph.stacked.algebra import algebra
from unitarygraph.stacked.operands import operands, result
from unitarygraph.stacked.typing import ArrayLike, ComplexField, Field, RealField
from unitarygraph.stacked.variables import ComplexVariable

NOT_HERMITIAN = "A must be Hermitian: A - A^H is not zero"


class PivotMask(MatrixOp):
    """1 at the entry of each column of eigenvectors that `Eigh` made real, 0 elsewhere.

    Piecewise constant: it carries no gradient.
    """

    title = "eigh"
    arguments = ("V",)
    signature = "F(n,n)->R(n,n)"
    internal = ("V",)

    def matrix(self, v):
        mask = np.zeros(v.shape, v.real.dtype)
        mask[pivots(np.abs(v)), np.arange(len(v))] = 1
        return mask

    def array(self, xp, v):
        size = xp.abs(v)
        return xp.where(at_pivots(xp, size), xp.ones_like(size), 0)

    def pullback(self, inputs, outputs, cotangents):
        return [sum_or_disconnected([])]

    def pushforward(self, inputs, outputs, tangents):
        return [sum_or_disconnected([])]


class Eigh(MatrixOp):
    r"""(w, V) of the Hermitian part of A, the largest entry of each column real and positive.

    With :math:`F_{jk} = 1/(w_k - w_j)`, 0 on the diagonal, :math:`dw = \mathrm{Re\,diag}(V^H dA V)`,
    :math:`dV = dV_0 + V \mathrm{diag}(i \varphi)`, :math:`dV_0 = V (F \circ (V^H dA V))`, where
    :math:`\varphi_j = -\mathrm{Im}((dV_0)_{kj}) / V_{kj}` keeps the largest entry (k, j) real.
    """

    title = "eigh"
    small = Small("eigh", largest=32)
    arguments = ("A",)
    results = ("w", "V")
    signature = "F(n,n)->R(n),F(n,n)"
    refusal = NOT_HERMITIAN

    def matrix(self, a):
        ah = a.conj().T
        defect, limit = np.abs(a - ah).max(), np.finfo(a.real.dtype).eps ** 0.25
        limit *= 1 + np.abs(a).max()
        if defect > limit:
            raise ValueError(
                f"eigh: {NOT_HERMITIAN}; its largest entry is {defect:.1e}, the limit {limit:.1e}"
            )
        w, v = scipy.linalg.eigh(
            (a + ah) * a.real.dtype.type(0.5), driver="evd", check_finite=False
        )
        size = np.abs(v)
        pivot, columns = pivots(size), np.arange(len(w))
        phase = v[pivot, columns] / size[pivot, columns]
        v = v * phase.conj()
        v[pivot, columns] = size[pivot, columns]
        return w, v

    def array(self, xp, a):
        w, v = xp.eigh(hermitian(xp, a))
        size = xp.abs(v)
        pivot = at_pivots(xp, size)
        entry = xp.sum(xp.where(pivot, v, 0), -2)
        v = v * xp.conj(entry / xp.abs(entry))[..., None, :]
        return w, xp.where(pivot, xp.as_type_of(size, v), v)

    def refuses(self, xp, inputs, outputs):
        (a,) = inputs
        return beyond_rounding(xp, a, a - hconj(xp, a))

    def pullback(self, inputs, outputs, cotangents):
        given = [bar for bar in cotangents if is_connected(bar)]
        return [EighPullback(self.field, *map(is_connected, cotangents))(*outputs, *given)]

    def pushforward(self, inputs, outputs, tangents):
        w, v = outputs
        matrices = algebra(self.field)
        m = matrices.matmul(matrices.hconj(v), matrices.hermitian(tangents[0]), v)
        dw = pt.diagonal(m[..., 0, :, :] if self.field == "complex" else m, axis1=-2, axis2=-1)
        dv = matrices.matmul(v, matrices.scale_entries(m, inverse_gaps(w)))
        if self.field == "complex":
            mask = PivotMask(self.field)(v)
            phi = -(mask * dv[..., 1, :, :]).sum(axis=-2) / (mask * v[..., 0, :, :]).sum(axis=-2)
            turned = pt.stack([-v[..., 1, :, :], v[..., 0, :, :]], axis=-3)
            dv = dv + matrices.scale_columns(turned, phi)
        return [dw, dv]


class EighPullback(FormulaOp):
    r"""Adjoint of `Eigh`, (w, V, w_bar, V_bar) -> A_bar, of both cotangents or of one.

    .. math:: \bar A = \mathrm{herm}(V (\mathrm{diag}\,\bar w + F \circ K) V^H), \quad
              K = V^H (\bar V - T), \quad T_{kj} = i\,\mathrm{Im}(V^H \bar V)_{jj} / V_{kj}

    at the largest entry (k, j) of each column, 0 elsewhere: what the turning of the columns adds.
    """

    __props__ = ("field", "of_w", "of_v")
    title = "eigh"
    small = Small("eigh", largest=32)

    def __init__(self, field="complex", of_w=True, of_v=True):
        self.of_w, self.of_v = of_w, of_v
        super().__init__(field)

    @property
    def arguments(self):
        """Names of the inputs: the eigenpairs, and the cotangents that there are."""
        return ("w", "V", *["w_bar"] * self.of_w, *["V_bar"] * self.of_v)

    @property
    def signature(self):
        """Shapes, likewise."""
        given = ("R(n)", "F(n,n)", *["R(n)"] * self.of_w, *["F(n,n)"] * self.of_v)
        return f"{','.join(given)}->F(n,n)"

    @property
    def internal(self):
        """Eigenvalues alone have a cotangent that is free of w."""
        return () if self.of_v else ("w",)

    def cotangents(self, bars):
        """w_bar and V_bar; None for the one that there is not."""
        bars = iter(bars)
        return (next(bars) if self.of_w else None, next(bars) if self.of_v else None)

    def matrix(self, w, v, *bars):
        w_bar, v_bar = self.cotangents(bars)
        if v_bar is None:
            x = product_hconj(v * w_bar, v)
        else:
            k = hconj_product(v, v_bar)
            columns = np.arange(len(w))
            if np.iscomplexobj(v):
                pivot = pivots(np.abs(v))
                turn = 1j * (np.diagonal(k).imag / v[pivot, columns].real)
                k -= (v[pivot].conj().T * turn).astype(k.dtype)
            gaps = w - w[:, None]
            gaps[columns, columns] = 1
            k /= gaps
            k[columns, columns] = 0 if w_bar is None else w_bar
            x = product_hconj(product(v, k), v)
        return (x + x.conj().T) * w.dtype.type(0.5)

    def array(self, xp, w, v, *bars):
        w_bar, v_bar = self.cotangents(bars)
        vh = hconj(xp, v)
        if v_bar is None:
            return hermitian(xp, (v * w_bar[..., None, :]) @ vh)
        k = vh @ v_bar
        if self.field == "complex":
            pivot = at_pivots(xp, xp.abs(v))
            entry = xp.sum(xp.where(pivot, xp.real(v), 0), -2)
            turn = xp.imag(xp.diagonal(k)) / entry
            row = xp.sum(xp.where(pivot[..., :, None, :], vh.mT[..., :, :, None], 0), -3)
            k = k - row * (1j * turn)[..., None, :]
        gaps = on_diagonal(xp, w[..., None, :] - w[..., :, None], xp.ones_like(w))
        k = on_diagonal(xp, k / gaps, xp.zeros_like(w) if w_bar is None else w_bar)
        return hermitian(xp, v @ k @ vh)

    def formula(self, w, v, *bars):
        w_bar, v_bar = self.cotangents(bars)
        matrices = algebra(self.field)
        vh = matrices.hconj(v)
        inner = []
        if self.of_w:
            inner.append(matrices.scale_columns(matrices.eye_like(v), w_bar))
        if self.of_v:
            if self.field == "complex":
                v_bar = v_bar - phase_term(self.field, v, vh, v_bar)
            inner.append(matrices.scale_entries(matrices.matmul(vh, v_bar), inverse_gaps(w)))
        return matrices.hermitian(matrices.matmul(v, sum_or_disconnected(inner), vh))


def phase_term(field, v, vh, v_bar):
    """What the turning of the columns adds to V's cotangent: i Im(v_j^H v_bar_j) / V_kj at k."""
    overlap = algebra(field).matmul(vh, v_bar)[..., 1, :, :]
    mask = PivotMask(field)(v)
    entry = pt.diagonal(overlap, axis1=-2, axis2=-1) / (mask * v[..., 0, :, :]).sum(axis=-2)
    imaginary = mask * entry[..., None, :]
    return pt.stack([pt.zeros_like(imaginary), imaginary], axis=-3)


def pivots(size):
    """Row of the largest entry of each column, the first of those that are equal to rounding."""
    return np.argmax(size >= size.max(axis=0) * (1 - 100 * np.finfo(size.dtype).eps), axis=0)


def at_pivots(xp, size):
    """True where `pivots` finds the entry, for arrays of matrices."""
    largest = xp.amax(size, -2)[..., None, :]
    row = xp.first_true(size >= largest * (1 - 100 * xp.eps(size)), -2)
    return xp.arange(size.shape[-2], like=row)[:, None] == row[..., None, :]


def inverse_gaps(w):
    """F with 1/(w_k - w_j) off the diagonal and 0 on it."""
    gaps = w[..., None, :] - w[..., :, None]
    identity = pt.eye(w.shape[-1], dtype=w.type.dtype)
    return (1 - identity) / (gaps + identity)


@overload
def eigh(
    A: ComplexVariable, field: ComplexField = None
) -> tuple[TensorVariable, ComplexVariable]: ...
@overload
def eigh(A: TensorVariable, field: RealField = None) -> tuple[TensorVariable, TensorVariable]: ...
@overload
def eigh(
    A: TensorVariable, field: Literal["complex"]
) -> tuple[TensorVariable, ComplexVariable]: ...
@overload
def eigh(A: ArrayLike, field: Field | None = None) -> tuple[TensorVariable, Any]: ...
def eigh(A: Any, field: Any = None) -> Any:
    r"""Eigendecomposition :math:`A = V \mathrm{diag}(w) V^H` of a Hermitian matrix.

    ``(..., 2, n, n) -> (..., n), (..., 2, n, n)``, or without planes with ``field="real"``; dtype of
    A. w ascends; in each column of V the entry of largest modulus (the first of equal ones) is real
    and positive, which makes V unique where the eigenvalues are simple. The value is that of the
    Hermitian part of A; an A with another part beyond rounding is refused at run time with
    ValueError. Gradients of any order; through V they do not exist where eigenvalues coincide, and
    are infinite or NaN there. Raises ValueError for shapes, TypeError for dtypes.
    Source: Magnus (1985), "On differentiating eigenvalues and eigenvectors".
    """
    field, (A,) = operands("eigh", field, A=A)
    w, V = Eigh(field)(A)
    return w, result(field, V)
