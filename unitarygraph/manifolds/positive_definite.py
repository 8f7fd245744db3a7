"""Hermitian positive definite matrices with the affine-invariant metric."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pytensor.tensor.variable import TensorVariable

from unitarygraph.manifolds.base import Manifold, Retraction
from unitarygraph.manifolds.hermitian import Hermitian
from unitarygraph.ops.expm.path import ExpmPath
from unitarygraph.ops.positive import NearestPositive, PositiveGuard, PositiveLog, PositiveRoot
from unitarygraph.stacked.typing import Array, M, Seed, Value


def second_order(manifold, x, u):
    r""":math:`X + U + U X^{-1} U / 2`, always positive: half of :math:`X + (X+U) X^{-1} (X+U)`."""
    matrices, half = manifold.matrices, np.asarray(0.5, x.type.dtype)
    turned = matrices.matmul(u, matrices.solve(x, u))
    return PositiveGuard(matrices.field)(x + u + half * turned)


def geodesic(manifold, x, u):
    r"""Geodesic :math:`E^H X E`, :math:`E = \exp(X^{-1} U / 2)`: positive by its form."""
    matrices, half = manifold.matrices, np.asarray(0.5, x.type.dtype)
    root = ExpmPath(matrices.field, 0, "general")(half * matrices.solve(x, u))
    moved = matrices.matmul(matrices.hconj(root), x, root)
    return PositiveGuard(matrices.field)(moved)


RETRACTIONS = {
    "second_order": Retraction(2, second_order),
    "exp": Retraction(2, geodesic),
}


@dataclass(frozen=True)
class PositiveDefinite(Manifold):
    r"""Hermitian positive definite matrices, stored ``(..., 2, n, n)``; symmetric in the real field.

    An open cone: tangents are Hermitian matrices. Metric
    :math:`\mathrm{Re}\,\mathrm{tr}(X^{-1} U X^{-1} V)`, the same for :math:`A X A^H`; real dimension
    :math:`n^2`, or n(n+1)/2. Where rounding would make a
    step's end indefinite the result of a retraction is NaN. Source: Bhatia (2007), Positive
    Definite Matrices, chapter 6; Sra and Hosseini (2015).
    """

    retraction_table: ClassVar[Mapping[str, Retraction]] = RETRACTIONS
    isometric_transport: ClassVar[bool] = True
    is_embedded: ClassVar[bool] = False
    form: ClassVar[str] = "square"
    deviation_formula: ClassVar[str] = "||X - X^H||_F / ||X||_F (infinite: not positive)"

    def proj(self, x: M | Array, g: M | Array) -> M:
        r""":math:`(G + G^H)/2`."""
        _, g = self.arguments("proj", x=x, g=g)
        return self.matrices.hermitian(g)

    def egrad2rgrad(self, x: M | Array, g: M | Array) -> M:
        r""":math:`X\,\mathrm{herm}(G)\,X`."""
        x, g = self.arguments("egrad2rgrad", x=x, g=g)
        return self.matrices.matmul(x, self.matrices.hermitian(g), x)

    def ehess2rhess(self, x: M | Array, egrad: M | Array, ehess: M | Array, u: M | Array) -> M:
        r""":math:`X\,\mathrm{herm}(H)\,X + \mathrm{herm}(U\,\mathrm{herm}(G)\,X)`."""
        x, egrad, ehess, u = self.arguments("ehess2rhess", x=x, egrad=egrad, ehess=ehess, u=u)
        matmul, hermitian = self.matrices.matmul, self.matrices.hermitian
        return matmul(x, hermitian(ehess), x) + hermitian(matmul(u, hermitian(egrad), x))

    def log(self, x: M | Array, y: M | Array) -> M:
        r""":math:`S \log(S^{-1} Y S^{-1}) S`, :math:`S = X^{1/2}`; gradients of first order."""
        x, y = self.arguments("log", x=x, y=y)
        root, within = self._seen_from(x, y)
        return self.matrices.matmul(root, PositiveLog(self.field)(within)[0], root)

    def dist(self, x: Value, y: Value) -> TensorVariable:
        r""":math:`\|\log(S^{-1} Y S^{-1})\|_F`, one number a matrix."""
        _, within = self._seen_from(*self.arguments("dist", x=x, y=y))
        return self.matrices.norm(PositiveLog(self.field)(within)[0])

    def transport(self, x: M | Array, y: M | Array, v: M | Array) -> M:
        r"""Parallel along the geodesic: :math:`E V E^H`, :math:`E = S (S^{-1} Y S^{-1})^{1/2} S^{-1}`."""
        x, y, v = self.arguments("transport", x=x, y=y, v=v)
        matmul, solve = self.matrices.matmul, self.matrices.solve
        root, within = self._seen_from(x, y)
        middle = PositiveRoot(self.field)(within)[0]
        # E^H = S^{-1} (...)^{1/2} S.
        turn = solve(root, matmul(middle, root))
        return self.matrices.hermitian(matmul(self.matrices.hconj(turn), v, turn))

    def inner(self, x: Value, u: Value, v: Value) -> TensorVariable:
        r""":math:`\mathrm{Re}\,\mathrm{tr}(X^{-1} U X^{-1} V)`, one number a matrix."""
        x, u, v = self.arguments("inner", x=x, u=u, v=v)
        solve, hconj = self.matrices.solve, self.matrices.hconj
        return self.matrices.inner(hconj(solve(x, u)), solve(x, v))

    def norm(self, x: Value, u: Value) -> TensorVariable:
        r""":math:`\|S^{-1} U S^{-1}\|_F`, one number a matrix."""
        x, u = self.arguments("norm", x=x, u=u)
        return self.matrices.norm(self._seen_from(x, u)[1])

    def _seen_from(self, x, y):
        """S = X^{1/2} and S^{-1} Y S^{-1}."""
        root = PositiveRoot(self.field)(x)[0]
        solve, hconj = self.matrices.solve, self.matrices.hconj
        return root, self.matrices.hermitian(solve(root, hconj(solve(root, hconj(y)))))

    def nearest(self, x: M | Array) -> M:
        r"""Nearest point of the closed cone moved inside it, on values of any square matrices.

        The Hermitian part with its eigenvalues raised to :math:`\sqrt\epsilon` times the largest: the
        cone is open, and no nearest point exists for what is outside. Source: Higham (1988).
        """
        (x,) = self.arguments("nearest", x=x)
        return NearestPositive(self.field)(x)

    def dim(self, shape: Sequence[int]) -> int:
        """n^2, or n(n+1)/2 in the real field."""
        return Hermitian(self.field).dim(shape)

    def deviation(self, x: Array) -> Any:
        """Relative deviation from Hermitian matrices, infinite unless positive definite, in double."""
        z = self.load(x)
        zh = np.conj(np.swapaxes(z, -1, -2))
        size = np.linalg.norm(z, axis=(-2, -1))
        finite = np.isfinite(size)
        lowest = np.linalg.eigvalsh(np.where(finite[..., None, None], z + zh, 0))[..., 0]
        gap = np.linalg.norm(z - zh, axis=(-2, -1)) / np.where(size > 0, size, 1)
        return np.where(finite, np.where(lowest > 0, gap, np.inf), np.nan)

    def random_point(
        self, shape: int | Sequence[int], rng: Seed = None, dtype: Any = None
    ) -> Array:
        r""":math:`e^H` for H a Hermitian part of normal matrices over :math:`2\sqrt n`."""
        z = self.load(Hermitian(self.field).random_point(shape, rng, "float64"))
        w, v = np.linalg.eigh(z / (2 * z.shape[-1] ** 0.5))
        return self.store((v * np.exp(w)[..., None, :]) @ np.conj(np.swapaxes(v, -1, -2)), dtype)
