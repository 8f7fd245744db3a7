"""The unitary group U(n), and the orthogonal group O(n)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from unitarygraph.manifolds.base import Manifold, Retraction
from unitarygraph.manifolds.retractions import (
    by_polar,
    by_qr,
    rotation,
    unitary_cayley,
    unitary_exp,
)
from unitarygraph.manifolds.values import gram_deviation
from unitarygraph.ops.logm import Logm
from unitarygraph.ops.polar import Polar
from unitarygraph.stacked.typing import Array, M, Seed


def weingarten(manifold, x, egrad, u):
    r""":math:`U\,\mathrm{herm}(X^H G)`, what the curvature of orthonormal columns takes off a Hessian."""
    x, egrad, u = manifold.arguments("ehess2rhess", x=x, egrad=egrad, u=u)
    matrices = manifold.matrices
    return matrices.matmul(u, matrices.hermitian(matrices.matmul(matrices.hconj(x), egrad)))


RETRACTIONS = {
    "qr": Retraction(1, by_qr),
    "polar": Retraction(2, by_polar),
    "cayley": Retraction(2, unitary_cayley),
    "exp": Retraction(2, unitary_exp),
}


@dataclass(frozen=True)
class Unitary(Manifold):
    r"""Unitary matrices, :math:`\{X : X^H X = I\}`, stored ``(..., 2, n, n)``.

    With ``field="real"`` the orthogonal matrices, stored ``(..., n, n)``. Tangent space at X:
    :math:`X \Omega` with :math:`\Omega^H = -\Omega`; metric :math:`\mathrm{Re}\,\mathrm{tr}(U^H V)`,
    invariant from both sides; real dimension :math:`n^2`, or n(n-1)/2. Source: Edelman, Arias, Smith
    (1998); Absil, Mahony, Sepulchre (2008).
    """

    retraction_table: ClassVar[Mapping[str, Retraction]] = RETRACTIONS
    isometric_transport: ClassVar[bool] = True
    form: ClassVar[str] = "square"
    deviation_formula: ClassVar[str] = "||X^H X - I||_F"

    def proj(self, x: M | Array, g: M | Array) -> M:
        r""":math:`X\,(X^H G - G^H X)/2`."""
        x, g = self.arguments("proj", x=x, g=g)
        return self.matrices.matmul(x, rotation(self.matrices, x, g))

    def ehess2rhess(self, x: M | Array, egrad: M | Array, ehess: M | Array, u: M | Array) -> M:
        r""":math:`P_X(H - U\,\mathrm{herm}(X^H G))`, P the projection."""
        return self.proj(x, ehess - weingarten(self, x, egrad, u))

    def log(self, x: M | Array, y: M | Array) -> M:
        r""":math:`X \log(X^H Y)`, principal: eigenvalue angles in (-pi, pi).

        At an eigenvalue -1 of X^H Y the logarithm is not unique, and in the real field there may be
        none: see `unitarygraph.logm`.
        """
        x, y = self.arguments("log", x=x, y=y)
        matmul, xh = self.matrices.matmul, self.matrices.hconj(x)
        return matmul(x, Logm(self.field)(matmul(xh, y))[0])

    def transport(self, x: M | Array, y: M | Array, v: M | Array) -> M:
        r"""Left translation :math:`Y X^H V`, which keeps inner products."""
        x, y, v = self.arguments("transport", x=x, y=y, v=v)
        return self.matrices.matmul(y, rotation(self.matrices, x, v))

    def nearest(self, x: M | Array) -> M:
        """Polar factor of x."""
        (x,) = self.arguments("nearest", x=x)
        return Polar(self.field)(x)[0]

    def dim(self, shape: Sequence[int]) -> int:
        """n^2, or n(n-1)/2 in the real field."""
        n = shape if isinstance(shape, int) else shape[-1]
        return n * n if self.field == "complex" else n * (n - 1) // 2

    def deviation(self, x: Array) -> Any:
        r""":math:`\|X^H X - I\|_F` of a stored value, computed in double."""
        return gram_deviation(self.load(x))

    def random_point(
        self, shape: int | Sequence[int], rng: Seed = None, dtype: Any = None
    ) -> Array:
        """Haar-distributed stored value; ``shape`` is n or (..., n, n). Source: Mezzadri (2007)."""
        shape = (shape, shape) if isinstance(shape, int) else tuple(shape)
        if len(shape) < 2 or shape[-1] != shape[-2]:
            raise ValueError(f"random_point: shape must be n or (..., n, n), got {shape}")
        return self.store(haar_factor(self.normal_matrices(shape, rng)), dtype)


def haar_factor(z):
    """Q of NumPy matrices (..., m, n), R's diagonal positive: uniform when z is normal."""
    q, r = np.linalg.qr(z)
    d = np.diagonal(r, axis1=-2, axis2=-1)
    return q * (d / np.abs(d))[..., None, :]
