"""Polar decomposition, A = U P."""

from typing import Any, Literal, overload

from pytensor.tensor.variable import TensorVariable

from unitarygraph.core.array import between, hconj, hermitian
from unitarygraph.core.blas import hconj_product, product, product_hconj
from unitarygraph.core.formula import FormulaOp
from unitarygraph.core.lapack import (
    hermitian_product,
    hermitian_square,
    orthonormalized,
    right_singular,
    thin_svd,
)
from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.core.small import Small
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
    small = Small("polar", largest=32)
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
        given = [bar for bar in cotangents[:2] if is_connected(bar)]
        return [PolarPullback(self.field, *map(is_connected, cotangents[:2]))(*outputs, *given)]

    def pushforward(self, inputs, outputs, tangents):
        u, p, s, v = outputs
        (da,) = tangents
        matrices = algebra(self.field)
        matmul = matrices.matmul
        inside = matmul(matrices.hconj(u), da)
        omega = Lyapunov(self.field)(p, s, v, 2 * matrices.skew_hermitian(inside))
        beyond = beyond_the_range(self.field, u, p, da - matmul(u, inside))
        du = sum_or_disconnected([matmul(u, omega), *beyond])
        none = sum_or_disconnected([])
        return [du, inside - matmul(omega, p), none, none]


class PolarPullback(FormulaOp):
    r"""Adjoint of `Polar`, (U, P, s, V, U_bar, P_bar) -> A_bar, of both cotangents or of one.

    In P's eigenbasis, with :math:`K = V^H U^H \bar U V`, :math:`N = V^H \mathrm{herm}(\bar P) V`
    and :math:`Z = \bar U V - U V K`,

    .. math:: \bar A = (U V (2 Y + N) + Z\,\mathrm{diag}(s)^{-1}) V^H, \quad
              2 Y_{jk} = \frac{(K - K^H)_{jk} - N_{jk} (s_k - s_j)}{s_j + s_k}.
    """

    __props__ = ("field", "of_u", "of_p")
    title = "polar"
    small = Small("polar", largest=32)
    internal = ("s", "V")
    unread = ("P",)

    def __init__(self, field="complex", of_u=True, of_p=True):
        self.of_u, self.of_p = of_u, of_p
        super().__init__(field)

    @property
    def arguments(self):
        """Names of the inputs: the factors, and the cotangents that there are."""
        return ("U", "P", "s", "V", *["U_bar"] * self.of_u, *["P_bar"] * self.of_p)

    @property
    def signature(self):
        """Shapes, likewise."""
        bars = (*["F(m,n)"] * self.of_u, *["F(n,n)"] * self.of_p)
        return f"{','.join(('F(m,n),F(n,n),R(n),F(n,n)', *bars))}->F(m,n)"

    def cotangents(self, bars):
        """U_bar and P_bar; None for the one that there is not."""
        bars = iter(bars)
        return (next(bars) if self.of_u else None, next(bars) if self.of_p else None)

    def matrix(self, u, p, s, v, *bars):
        u_bar, p_bar = self.cotangents(bars)
        uv = product(u, v)
        inside = 0
        if p_bar is not None:
            n = hconj_product(v, product((p_bar + p_bar.conj().T) * s.dtype.type(0.5), v))
            inside = n * (s[:, None] - s)
        if u_bar is not None:
            u_bar = product(u_bar, v)
            k = hconj_product(uv, u_bar)
            inside = inside + k
            inside -= k.conj().T
        inside /= s[:, None] + s
        if p_bar is not None:
            inside += n
        if u_bar is not None and len(u) > len(s):
            inside -= k / s
            return product_hconj(product(uv, inside) + u_bar / s, v)
        return product_hconj(product(uv, inside), v)

    def array(self, xp, u, p, s, v, *bars):
        u_bar, p_bar = self.cotangents(bars)
        uv = u @ v
        inside = 0
        if p_bar is not None:
            n = between(xp, hconj(xp, v), hermitian(xp, p_bar))
            inside = n * (s[..., :, None] - s[..., None, :])
        if u_bar is not None:
            u_bar = u_bar @ v
            k = hconj(xp, uv) @ u_bar
            inside = inside + k - hconj(xp, k)
        inside = inside / (s[..., :, None] + s[..., None, :])
        inside = inside if p_bar is None else inside + n
        result = uv @ inside
        if u_bar is not None and u.shape[-2] > u.shape[-1]:
            result = result + (u_bar - uv @ k) / s[..., None, :]
        return result @ hconj(xp, v)

    def formula(self, u, p, s, v, *bars):
        u_bar, p_bar = self.cotangents(bars)
        matrices = algebra(self.field)
        matmul = matrices.matmul
        inside, outside, inner = [], [], []
        if self.of_u:
            projected = matmul(matrices.hconj(u), u_bar)
            inner.append(projected)
            outside += beyond_the_range(self.field, u, p, u_bar - matmul(u, projected))
        if self.of_p:
            p_bar = matrices.hermitian(p_bar)
            inner.append(-matmul(p_bar, p))
            inside.append(p_bar)
        q = matrices.skew_hermitian(sum_or_disconnected(inner))
        inside.append(2 * Lyapunov(self.field)(p, s, v, q))
        return sum_or_disconnected([matmul(u, sum_or_disconnected(inside)), *outside])


def beyond_the_range(field, u, p, z):
    """[Z P^{-1}], or nothing when U is known to be square and Z therefore zero."""
    m, n = u.type.shape[-2:]
    if m is not None and m == n:
        return []
    matrices = algebra(field)
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
