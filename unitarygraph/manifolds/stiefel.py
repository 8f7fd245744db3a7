"""Matrices with orthonormal columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pytensor.tensor.variable import TensorVariable

from unitarygraph.manifolds.base import Manifold, Retraction
from unitarygraph.manifolds.retractions import (
    by_polar,
    by_qr,
    canonical_geodesic,
    euclidean_geodesic,
    is_square,
    stiefel_cayley,
)
from unitarygraph.manifolds.unitary import Unitary, haar_factor, weingarten
from unitarygraph.manifolds.values import gram_deviation
from unitarygraph.ops.polar import Polar
from unitarygraph.ops.stiefel_log import StiefelLog
from unitarygraph.stacked.typing import Array, M, Seed, Value

RETRACTIONS = {
    "euclidean": {
        "qr": Retraction(1, by_qr),
        "polar": Retraction(2, by_polar),
        "cayley": Retraction(1, stiefel_cayley),
        "exp": Retraction(2, euclidean_geodesic),
    },
    "canonical": {
        "qr": Retraction(1, by_qr),
        "polar": Retraction(1, by_polar),
        "cayley": Retraction(2, stiefel_cayley),
        "exp": Retraction(2, canonical_geodesic),
    },
}

#: |U|^2 in the canonical metric is |U - TAKEN X X^H U|^2 in that of the space around
TAKEN = 1 - 0.5**0.5


@dataclass(frozen=True)
class Stiefel(Manifold):
    r"""Orthonormal columns, :math:`\{X : X^H X = I_p\}`, stored ``(..., 2, n, p)``, n >= p.

    With ``field="real"`` stored ``(..., n, p)``. Tangent space at X: :math:`X^H U + U^H X = 0`; real
    dimension :math:`2np - p^2`, or np - p(p+1)/2. ``metric="euclidean"`` is Re tr(U^H V), that of the
    space around; ``metric="canonical"`` is :math:`\mathrm{Re}\,\mathrm{tr}(U^H (I - XX^H/2) V)`, which
    counts every coordinate of a tangent once. The transport is the projection and shortens vectors.
    Source: Edelman, Arias, Smith (1998).
    """

    metric: str = "euclidean"

    form: ClassVar[str] = "tall"
    deviation_formula: ClassVar[str] = "||X^H X - I||_F"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.metric not in RETRACTIONS:
            raise ValueError(
                f"Stiefel: metric must be 'euclidean' or 'canonical', got {self.metric!r}"
            )

    def __str__(self) -> str:
        metric = "" if self.is_embedded else f", {self.metric}"
        return f"{type(self).__name__}({self.field}{metric})"

    @property
    def retraction_table(self) -> Mapping[str, Retraction]:  # type: ignore[override]
        """Retractions by name: the orders depend on the metric."""
        return RETRACTIONS[self.metric]

    @property
    def is_embedded(self):
        """Whether the metric is that of the space around."""
        return self.metric == "euclidean"

    def proj(self, x: M | Array, g: M | Array) -> M:
        r""":math:`G - X\,(X^H G + G^H X)/2`."""
        x, g = self.arguments("proj", x=x, g=g)
        matmul, xh = self.matrices.matmul, self.matrices.hconj(x)
        return g - matmul(x, self.matrices.hermitian(matmul(xh, g)))

    def egrad2rgrad(self, x: M | Array, g: M | Array) -> M:
        r"""The projection; in the canonical metric :math:`G - X G^H X`."""
        if self.is_embedded:
            return self.proj(x, g)
        x, g = self.arguments("egrad2rgrad", x=x, g=g)
        matmul = self.matrices.matmul
        return g - matmul(x, matmul(self.matrices.hconj(g), x))

    def ehess2rhess(self, x: M | Array, egrad: M | Array, ehess: M | Array, u: M | Array) -> M:
        r""":math:`P_X(H - U\,\mathrm{herm}(X^H G))`, P the projection.

        In the canonical metric the gradient of :math:`H + (X U^H G + G U^H X)/2 - (I - X X^H) U\,
        \mathrm{herm}(X^H G)`: Edelman, Arias, Smith (1998), equation (2.61).
        """
        curved = weingarten(self, x, egrad, u)
        if self.is_embedded:
            return self.proj(x, ehess - curved)
        x, egrad, ehess, u = self.arguments("ehess2rhess", x=x, egrad=egrad, ehess=ehess, u=u)
        matmul, xh, uh = self.matrices.matmul, self.matrices.hconj(x), self.matrices.hconj(u)
        turned = matmul(x, matmul(uh, egrad)) + matmul(egrad, matmul(uh, x))
        beyond = curved - matmul(x, matmul(xh, curved))
        half = np.asarray(0.5, x.type.dtype)
        return self.egrad2rgrad(x, ehess + half * turned - beyond)

    def log(self, x: M | Array, y: M | Array) -> M:
        r"""Inverse of `exp` next to zero, in the canonical metric or on square matrices.

        It is found by iteration, on values: gradients pass only on square matrices, where it is
        :math:`X \log(X^H Y)`. NaN where the iteration does not end, for points far apart. Raises
        NotImplementedError in the Euclidean metric. Source: Zimmermann and Hueper (2022), algorithm 4.
        """
        x, y = self.arguments("log", x=x, y=y)
        if is_square(x):
            return Unitary(self.field).log(x, y)
        if self.is_embedded:
            raise NotImplementedError(
                f"{self} has no logarithm in closed form; Stiefel(metric='canonical') has one"
            )
        return StiefelLog(self.field)(x, y)

    def inner(self, x: Value, u: Value, v: Value) -> TensorVariable:
        """Inner product of the metric, one number a matrix."""
        if self.is_embedded:
            return super().inner(x, u, v)
        x, u, v = self.arguments("inner", x=x, u=u, v=v)
        matmul, xh = self.matrices.matmul, self.matrices.hconj(x)
        along = self.matrices.inner(matmul(xh, u), matmul(xh, v))
        return self.matrices.inner(u, v) - np.asarray(0.5, x.type.dtype) * along

    def norm(self, x: Value, u: Value) -> TensorVariable:
        """Length in the metric, one number a matrix."""
        if self.is_embedded:
            return super().norm(x, u)
        x, u = self.arguments("norm", x=x, u=u)
        matmul, xh = self.matrices.matmul, self.matrices.hconj(x)
        taken = np.asarray(TAKEN, x.type.dtype) * matmul(x, matmul(xh, u))
        return self.matrices.norm(u - taken)

    def nearest(self, x: M | Array) -> M:
        """Polar factor of x."""
        (x,) = self.arguments("nearest", x=x)
        return Polar(self.field)(x)[0]

    def dim(self, shape: Sequence[int]) -> int:
        """2np - p^2, or np - p(p+1)/2 in the real field."""
        n, p = shape[-2:]
        return 2 * n * p - p * p if self.field == "complex" else n * p - p * (p + 1) // 2

    def deviation(self, x: Array) -> Any:
        r""":math:`\|X^H X - I\|_F` of a stored value, computed in double."""
        return gram_deviation(self.load(x))

    def random_point(self, shape: Any, rng: Seed = None, dtype: Any = None) -> Array:
        """Uniformly distributed stored value; ``shape`` is (..., n, p), n >= p."""
        shape = tuple(shape)
        if len(shape) < 2 or shape[-2] < shape[-1]:
            raise ValueError(f"random_point: shape must be (..., n, p) with n >= p, got {shape}")
        return self.store(haar_factor(self.normal_matrices(shape, rng)), dtype)
