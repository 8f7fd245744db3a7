"""Matrices with orthonormal columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytensor.tensor as pt

from unitarygraph.manifolds import unitary
from unitarygraph.manifolds.base import Manifold, Retraction, gram_deviation
from unitarygraph.ops.expm import expm
from unitarygraph.ops.newton_schulz import newton_schulz
from unitarygraph.ops.polar import polar


def _is_square(x):
    rows, columns = x.type.shape[-2:]
    return rows is not None and rows == columns


def by_cayley(matrices, x, u):
    r"""Cayley transform of :math:`W = P U X^H - X U^H P`, :math:`P = I - X X^H / 2`, applied to x.

    P makes the displacement W X equal to u. With W = L R^H of rank 2p, L = [PU, X], R = [X, -PU],
    the system is 2p x 2p: X + L (I - R^H L / 2)^{-1} R^H X. Source: Wen and Yin (2013), lemma 4.
    """
    if _is_square(x):
        return unitary.by_cayley(matrices, x, u)
    matmul, half = matrices.matmul, np.asarray(0.5, x.type.dtype)
    pu = u - half * matmul(x, matmul(matrices.hconj(x), u))
    left = pt.concatenate([pu, x], axis=-1)
    right = matrices.hconj(pt.concatenate([x, -pu], axis=-1))
    system = matrices.eye_like(left) - half * matmul(right, left)
    step = matmul(left, matrices.solve(system, matmul(right, x)))
    return newton_schulz(x + step, matrices.field)


def by_exp(matrices, x, u):
    r"""Geodesic of the Euclidean metric, with :math:`A = X^H U`, :math:`S = U^H U`.

    .. math:: [X, U] \exp\begin{pmatrix} A & -S \\ I & A \end{pmatrix}
              \begin{pmatrix} \exp(-A) \\ 0 \end{pmatrix}

    Source: Edelman, Arias, Smith (1998), section 2.2.2. On square matrices x exp(A).
    """
    if _is_square(x):
        return unitary.by_exp(matrices, x, u)
    matmul, field = matrices.matmul, matrices.field
    a = unitary.rotation(matrices, x, u)
    s = matmul(matrices.hconj(u), u)
    rows = (
        pt.concatenate([a, -s], axis=-1),
        pt.concatenate([pt.zeros_like(a) + matrices.eye_like(a), a], axis=-1),
    )
    columns = expm(pt.concatenate(rows, axis=-2), skew_hermitian=False, field=field)
    p = x.shape[-1] if x.type.shape[-1] is None else x.type.shape[-1]
    point = matmul(pt.concatenate([x, u], axis=-1), columns[..., :p])
    return newton_schulz(matmul(point, expm(-a, skew_hermitian=True, field=field)), field)


RETRACTIONS = {
    "qr": Retraction(1, unitary.by_qr),
    "polar": Retraction(2, unitary.by_polar),
    # Of order 2 in the canonical metric, and on square matrices.
    "cayley": Retraction(1, by_cayley),
    "exp": Retraction(2, by_exp),
}


@dataclass(frozen=True)
class Stiefel(Manifold):
    r"""Orthonormal columns, :math:`\{X : X^H X = I_p\}`, stored ``(..., 2, n, p)``, n >= p.

    With ``field="real"`` stored ``(..., n, p)``. Tangent space at X:
    :math:`X^H U + U^H X = 0`; the metric is that of the space around it (Euclidean, not canonical);
    real dimension :math:`2np - p^2`, or np - p(p+1)/2. No logarithm or distance in closed form; the
    transport is the projection and shortens vectors. Source: Edelman, Arias, Smith (1998).
    """

    retraction_table: ClassVar[Mapping[str, Retraction]] = RETRACTIONS
    deviation_formula: ClassVar[str] = "||X^H X - I||_F"

    def proj(self, x, g):
        r""":math:`G - X\,(X^H G + G^H X)/2`."""
        x, g = self.arguments("proj", x=x, g=g)
        matmul, xh = self.matrices.matmul, self.matrices.hconj(x)
        return g - matmul(x, self.matrices.hermitian(matmul(xh, g)))

    def project(self, x):
        """Polar factor of x."""
        (x,) = self.arguments("project", x=x)
        return polar(x, self.field)[0]

    def dim(self, shape):
        """2np - p^2, or np - p(p+1)/2 in the real field."""
        n, p = shape[-2:]
        return 2 * n * p - p * p if self.field == "complex" else n * p - p * (p + 1) // 2

    def deviation(self, x):
        r""":math:`\|X^H X - I\|_F` of a stored value, computed in double."""
        return gram_deviation(self.load(x))

    def check_shape(self, method, name, shape):
        """Raise ValueError unless the matrices have at least as many rows as columns."""
        super().check_shape(method, name, shape)
        if None not in shape[-2:] and shape[-2] < shape[-1]:
            raise ValueError(
                f"{method}: {name} must have at least as many rows as columns on {self}, "
                f"got shape {tuple(shape)}"
            )

    def random_point(self, shape, rng=None, dtype=None):
        """Uniformly distributed stored value; ``shape`` is (..., n, p), n >= p."""
        shape = tuple(shape)
        if len(shape) < 2 or shape[-2] < shape[-1]:
            raise ValueError(f"random_point: shape must be (..., n, p) with n >= p, got {shape}")
        return self.store(unitary.haar_factor(self.normal_matrices(shape, rng)), dtype)
