"""Subspaces, each stored as a matrix with orthonormal columns that span it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from unitarygraph.manifolds.base import Manifold, Retraction
from unitarygraph.manifolds.retractions import by_polar, by_qr, canonical_geodesic, stiefel_cayley
from unitarygraph.manifolds.stiefel import Stiefel
from unitarygraph.manifolds.values import gram_deviation
from unitarygraph.ops.logm import Logm
from unitarygraph.ops.polar import Polar
from unitarygraph.stacked.typing import Array, M, Seed

# As subspaces the first two are one map, of order 2; Stiefel's two geodesics are one along U with
# X^H U = 0.
RETRACTIONS = {
    "qr": Retraction(2, by_qr),
    "polar": Retraction(2, by_polar),
    "cayley": Retraction(2, stiefel_cayley),
    "exp": Retraction(2, canonical_geodesic),
}


@dataclass(frozen=True)
class Grassmann(Manifold):
    r"""Subspaces of dimension p, stored as X with :math:`X^H X = I_p`, ``(..., 2, n, p)``, n >= p.

    With ``field="real"`` stored ``(..., n, p)``. X and XQ with a unitary Q are the same point: a loss
    should be equal on them. Tangents are the horizontal vectors, :math:`X^H U = 0`, the metric is Re
    tr(U^H V), the real dimension 2p(n - p), or p(n - p). Source: Edelman, Arias, Smith (1998);
    Bendokat, Zimmermann, Absil (2024), "A Grassmann manifold handbook".
    """

    retraction_table: ClassVar[Mapping[str, Retraction]] = RETRACTIONS
    isometric_transport: ClassVar[bool] = True
    form: ClassVar[str] = "tall"
    deviation_formula: ClassVar[str] = "||X^H X - I||_F"

    def proj(self, x: M | Array, g: M | Array) -> M:
        r""":math:`G - X X^H G`."""
        x, g = self.arguments("proj", x=x, g=g)
        matmul = self.matrices.matmul
        return g - matmul(x, matmul(self.matrices.hconj(x), g))

    def ehess2rhess(self, x: M | Array, egrad: M | Array, ehess: M | Array, u: M | Array) -> M:
        r""":math:`P_X(H) - U X^H G`, P the projection."""
        x, egrad, u = self.arguments("ehess2rhess", x=x, egrad=egrad, u=u)
        matmul = self.matrices.matmul
        return self.proj(x, ehess - matmul(u, matmul(self.matrices.hconj(x), egrad)))

    def log(self, x: M | Array, y: M | Array) -> M:
        r""":math:`\tfrac12 \log(S_Y S_X) X` with the reflections :math:`S_X = 2 X X^H - I`.

        Exp_X of it spans what Y spans. Not unique at a principal angle of pi/2, where the real field
        raises ValueError. It takes the logarithm of an n x n matrix; gradients of any order.
        """
        x, y = self.arguments("log", x=x, y=y)
        matmul, hconj = self.matrices.matmul, self.matrices.hconj
        identity = self.matrices.eye(x.shape[-2] if x.type.shape[-2] is None else x.type.shape[-2])
        identity = identity.astype(x.type.dtype)
        turn = matmul(2 * matmul(y, hconj(y)) - identity, 2 * matmul(x, hconj(x)) - identity)
        half = np.asarray(0.5, x.type.dtype)
        return self.proj(x, half * matmul(Logm(self.field)(turn)[0], x))

    def transport(self, x: M | Array, y: M | Array, v: M | Array) -> M:
        r"""Parallel along the shortest geodesic, in the basis Y; it keeps inner products.

        With Y' = YQ, Q the polar factor of Y^H X:
        :math:`(V - (X + Y') (I + X^H Y')^{-1} Y'^H V)\, Q^H`.
        """
        x, y, v = self.arguments("transport", x=x, y=y, v=v)
        matmul, hconj = self.matrices.matmul, self.matrices.hconj
        q, cosine, *_ = Polar(self.field)(matmul(hconj(y), x))
        aligned = matmul(y, q)
        system = self.matrices.eye_like(cosine) + cosine
        turn = self.matrices.solve(system, matmul(hconj(aligned), v))
        return matmul(v - matmul(x + aligned, turn), hconj(q))

    def nearest(self, x: M | Array) -> M:
        """Polar factor of x."""
        (x,) = self.arguments("nearest", x=x)
        return Polar(self.field)(x)[0]

    def dim(self, shape: Sequence[int]) -> int:
        """2p(n - p), or p(n - p) in the real field."""
        n, p = shape[-2:]
        return p * (n - p) * (2 if self.field == "complex" else 1)

    def deviation(self, x: Array) -> Any:
        r""":math:`\|X^H X - I\|_F` of a stored value, computed in double."""
        return gram_deviation(self.load(x))

    def random_point(
        self, shape: int | Sequence[int], rng: Seed = None, dtype: Any = None
    ) -> Array:
        """Uniformly distributed stored value; ``shape`` is (..., n, p), n >= p."""
        return Stiefel(self.field).random_point(shape, rng, dtype)
