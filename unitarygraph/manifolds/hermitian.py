"""Linear spaces of Hermitian and of skew-Hermitian matrices."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph.manifolds.base import Manifold
from unitarygraph.manifolds.euclidean import Euclidean
from unitarygraph.stacked.typing import Array, M, Seed, Value


@dataclass(frozen=True)
class Hermitian(Euclidean):
    r"""Hermitian matrices, :math:`X^H = X`, stored ``(..., 2, n, n)``; symmetric in the real field.

    A linear space: it is its own tangent space, every retraction is addition, the metric is Re
    tr(U^H V). Real dimension :math:`n^2`, or n(n+1)/2.
    """

    form: ClassVar[str] = "square"
    deviation_formula: ClassVar[str] = "||X - X^H||_F"
    #: +1 or -1 in X^H = +-X
    sign: ClassVar[int] = 1

    def proj(self, x: M | Array, g: M | Array) -> M:
        r""":math:`(G + G^H)/2`, or :math:`(G - G^H)/2` for `SkewHermitian`."""
        _, g = self.arguments("proj", x=x, g=g)
        return self._part(g)

    def _part(self, g):
        return self.matrices.hermitian(g) if self.sign > 0 else self.matrices.skew_hermitian(g)

    def ehess2rhess(self, x: M | Array, egrad: M | Array, ehess: M | Array, u: M | Array) -> M:
        """Projection of the Euclidean Hessian ``ehess``."""
        return self.proj(x, ehess)

    def nearest(self, x: M | Array) -> M:
        """The (skew-)Hermitian part of x."""
        (x,) = self.arguments("nearest", x=x)
        return self._part(x)

    def mean_square(self, x: Value, u: Value) -> TensorVariable:
        """Square of the moduli of the entries, broadcasting against u."""
        _, u = self.arguments("mean_square", x=x, u=u)
        if self.field == "real":
            return pt.square(u)
        return pt.square(u).sum(axis=-3, keepdims=True)

    def dim(self, shape: Sequence[int]) -> int:
        """n^2 in the complex field, n(n+1)/2 symmetric, n(n-1)/2 skew-symmetric."""
        n = shape if isinstance(shape, int) else shape[-1]
        return n * n if self.field == "complex" else n * (n + self.sign) // 2

    def deviation(self, x: Array) -> Any:
        """Frobenius norm of X - X^H, or X + X^H, computed in double, one number a matrix."""
        z = self.load(x)
        with np.errstate(invalid="ignore"):
            return np.linalg.norm(z - self.sign * np.conj(np.swapaxes(z, -1, -2)), axis=(-2, -1))

    def tolerance(self, x: Array) -> Any:
        """1000 eps times the square root of the matrix's rows and the largest entry above 1."""
        return super().tolerance(x) * max(1.0, float(np.max(np.abs(x), initial=0)))

    def check_shape(self, method, name, shape):
        """Raise ValueError unless the matrices are square."""
        Manifold.check_shape(self, method, name, shape)

    def random_point(
        self, shape: int | Sequence[int], rng: Seed = None, dtype: Any = None
    ) -> Array:
        """The (skew-)Hermitian part of normal matrices; ``shape`` is n or (..., n, n)."""
        shape = (shape, shape) if isinstance(shape, int) else tuple(shape)
        if len(shape) < 2 or shape[-1] != shape[-2]:
            raise ValueError(f"random_point: shape must be n or (..., n, n), got {shape}")
        z = self.normal_matrices(shape, rng)
        return self.store((z + self.sign * np.conj(np.swapaxes(z, -1, -2))) / 2, dtype)


@dataclass(frozen=True)
class SkewHermitian(Hermitian):
    r"""Skew-Hermitian matrices, :math:`X^H = -X`; skew-symmetric in the real field.

    The Lie algebra of `Unitary`, flat as `Hermitian`. Real dimension :math:`n^2`, or n(n-1)/2.
    """

    deviation_formula: ClassVar[str] = "||X + X^H||_F"
    sign: ClassVar[int] = -1
