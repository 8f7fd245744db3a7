"""The special unitary group SU(n), and the rotations SO(n)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytensor.tensor as pt

from unitarygraph.manifolds.base import Retraction
from unitarygraph.manifolds.retractions import limited, rotation, unitary_exp
from unitarygraph.manifolds.unitary import RETRACTIONS as UNITARY_RETRACTIONS
from unitarygraph.manifolds.unitary import Unitary
from unitarygraph.ops.determinant import DetPhase, NearestSpecial
from unitarygraph.stacked.typing import Array, M, Seed


def trace_phase(omega):
    """Im tr(Omega)/n of stacked matrices, one number a matrix."""
    diagonal = pt.diagonal(omega[..., 1, :, :], axis1=-2, axis2=-1)
    return diagonal.sum(axis=-1) / omega.shape[-1].astype(omega.type.dtype)


def times_i(x):
    """i X, stacked, i the imaginary unit."""
    return pt.stack([-x[..., 1, :, :], x[..., 0, :, :]], axis=-3)


def with_determinant_one(move):
    r"""The map, followed by a division by :math:`(\det Y)^{1/n}` in the complex field.

    The maps of U(n) miss the determinant by order 3 in the step or, as rounding adds up, a little.
    In the real field they keep it, det(I + Omega) > 0, as long as I is not lost in X + U.
    """

    def special(manifold, x, u):
        if manifold.field == "real":
            return move(manifold, x, u if move is unitary_exp else limited(manifold.matrices, u))
        y = move(manifold, x, u)
        angle = DetPhase()(y) / y.shape[-1].astype(y.type.dtype)
        angle = pt.shape_padright(angle, manifold.matrices.axes)
        return pt.cos(angle) * y - pt.sin(angle) * times_i(y)

    return special


RETRACTIONS = {
    name: Retraction(order, with_determinant_one(move))
    for name, (order, move) in UNITARY_RETRACTIONS.items()
}


@dataclass(frozen=True)
class SpecialUnitary(Unitary):
    r"""Unitary matrices of determinant 1, stored ``(..., 2, n, n)``.

    With ``field="real"`` the rotations, stored ``(..., n, n)``. Tangent space at X:
    :math:`X \Omega`, :math:`\Omega^H = -\Omega`, :math:`\mathrm{tr}\,\Omega = 0`; metric Re tr(U^H V);
    real dimension :math:`n^2 - 1`, or n(n-1)/2. Source: as `Unitary`.
    """

    retraction_table: ClassVar[Mapping[str, Retraction]] = RETRACTIONS
    deviation_formula: ClassVar[str] = "||X^H X - I||_F + |det X - 1|"

    def proj(self, x: M | Array, g: M | Array) -> M:
        r""":math:`X (\Omega - \mathrm{tr}(\Omega) I / n)`, Omega the skew-Hermitian part of X^H G."""
        tangent = super().proj(x, g)
        if self.field == "real":
            return tangent
        x, g = self.arguments("proj", x=x, g=g)
        phase = trace_phase(rotation(self.matrices, x, g))
        return tangent - pt.shape_padright(phase, 3) * times_i(x)

    def log(self, x: M | Array, y: M | Array) -> M:
        r""":math:`X \log(X^H Y)`, principal.

        NaN where the eigenvalue angles of X^H Y in (-pi, pi) have a sum other than 0: the principal
        logarithm is not tangent there. Otherwise as `Unitary`.
        """
        tangent = super().log(x, y)
        if self.field == "real":
            return tangent
        (x,) = self.arguments("log", x=x)
        phase = pt.shape_padright(trace_phase(rotation(self.matrices, x, tangent)), 3)
        # The sum of the angles is a multiple of 2 pi; what is left of 0 is rounding.
        wrong = abs(phase) * x.shape[-1].astype(x.type.dtype) > np.asarray(1, x.type.dtype)
        return pt.switch(wrong, np.asarray(np.nan, x.type.dtype), tangent)

    def nearest(self, x: M | Array) -> M:
        """Nearest matrix of determinant 1, on values: no gradients."""
        (x,) = self.arguments("nearest", x=x)
        return NearestSpecial(self.field)(x)

    def dim(self, shape: Sequence[int]) -> int:
        """n^2 - 1, or n(n-1)/2 in the real field."""
        return super().dim(shape) - (self.field == "complex")

    def deviation(self, x: Array) -> Any:
        r""":math:`\|X^H X - I\|_F + |\det X - 1|` of a stored value, computed in double."""
        with np.errstate(invalid="ignore"):
            return super().deviation(x) + np.abs(np.linalg.det(self.load(x)) - 1)

    def random_point(
        self, shape: int | Sequence[int], rng: Seed = None, dtype: Any = None
    ) -> Array:
        """Haar-distributed stored value; ``shape`` is n or (..., n, n)."""
        z = self.load(super().random_point(shape, rng, "float64"))
        z[..., 0] *= np.conj(np.linalg.det(z))[..., None]
        return self.store(z, dtype)
