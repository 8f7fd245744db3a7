r"""Retractions of matrices with orthonormal columns: what several manifolds share.

Each is a map (manifold, x, u) -> point for the table of a manifold. The curves of tall matrices solve
linear equations of size 2p. The columns that U gives are divided by :math:`\sigma = \max(1, \|U\|)`
and multiplied back, which changes no value and keeps the systems balanced for long steps. What
rounding leaves of a geodesic is removed by the polar factor.
"""

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import disconnected_grad

from unitarygraph.ops.cayley import ShiftedSolve
from unitarygraph.ops.expm.path import ExpmPath
from unitarygraph.ops.expm.skew import ExpmSkew
from unitarygraph.ops.newton_schulz import NewtonSchulz
from unitarygraph.ops.polar import Polar
from unitarygraph.ops.qr import QR


def by_qr(manifold, x, u):
    """Q of x + u, the diagonal of R real and positive: without that phase it is no retraction."""
    return QR(manifold.field)(x + u)[0]


def by_polar(manifold, x, u):
    """Polar factor of x + u, the nearest point."""
    return Polar(manifold.field)(x + u)[0]


# Products of unitary matrices drift off the manifold by rounding, 2.7e-4 in 2000 steps at n=64 in
# float32, so the two maps below end with a Newton-Schulz step.
def unitary_cayley(manifold, x, u):
    """x (I - Omega/2)^{-1} (I + Omega/2), x Omega = u, of `limited` length; x square."""
    # It is 2 X (I - Omega/2)^{-1} - X, and (I - Omega/2)^H = I + Omega/2.
    matrices = manifold.matrices
    omega = limited(matrices, rotation(matrices, x, u))
    turned = matrices.hconj(ShiftedSolve(matrices.field)(-omega, matrices.hconj(x)))
    return NewtonSchulz(matrices.field, on_manifold=True)(turned + turned - x)


def unitary_exp(manifold, x, u):
    """x exp(Omega), x Omega = u, the geodesic of the unitary group; x square."""
    matrices = manifold.matrices
    turn = ExpmSkew(matrices.field)(rotation(matrices, x, u))[0]
    return NewtonSchulz(matrices.field, on_manifold=True)(matrices.matmul(x, turn))


def stiefel_cayley(manifold, x, u):
    r"""Cayley transform of :math:`W = P U X^H - X U^H P`, :math:`P = I - X X^H / 2`, applied to x.

    P makes the displacement W X equal to u. With W = L R^H of rank 2p, L = [PU, X], R = [X, -PU],
    the system is 2p x 2p: X + L (I - R^H L / 2)^{-1} R^H X. Source: Wen and Yin (2013), lemma 4.
    """
    if is_square(x):
        return unitary_cayley(manifold, x, u)
    matrices = manifold.matrices
    matmul, half = matrices.matmul, np.asarray(0.5, x.type.dtype)
    pu = half_along(matrices, x, limited_tangent(matrices, x, u, power=0.4))
    sigma = scale_of(matrices, pu)
    left = pt.concatenate([pu / sigma, x], axis=-1)
    right = matrices.hconj(pt.concatenate([sigma * x, -pu], axis=-1))
    system = matrices.eye_like(left) - half * matmul(right, left)
    step = matmul(left, matrices.solve(system, matmul(right, x)))
    # Twice, as the error of a long step grows with the square of its length.
    return NewtonSchulz(matrices.field)(NewtonSchulz(matrices.field)(x + step))


def euclidean_geodesic(manifold, x, u):
    r"""Geodesic of the Euclidean metric, with :math:`A = X^H U`, :math:`S = U^H U`.

    .. math:: [X, U] \exp\begin{pmatrix} A & -S \\ I & A \end{pmatrix}
              \begin{pmatrix} \exp(-A) \\ 0 \end{pmatrix}

    Source: Edelman, Arias, Smith (1998), section 2.2.2. On square matrices x exp(A).
    """
    if is_square(x):
        return unitary_exp(manifold, x, u)
    matrices = manifold.matrices
    u = limited_tangent(matrices, x, u)
    a = rotation(matrices, x, u)
    point = first_columns(matrices, x, u, a, matrices.matmul(matrices.hconj(u), u))
    back = ExpmSkew(matrices.field)(-a)[0]
    return Polar(matrices.field)(matrices.matmul(point, back))[0]


def canonical_geodesic(manifold, x, u):
    r"""Geodesic of the canonical metric, :math:`e^W X` with W of `stiefel_cayley`.

    As W = L R^H and X = L [0; I], it is :math:`L\, e^{R^H L} [0; I]`; with V = PU,

    .. math:: [X, V] \exp\begin{pmatrix} A/2 & -V^H V \\ I & A/2 \end{pmatrix}
              \begin{pmatrix} I \\ 0 \end{pmatrix}.

    Source: Edelman, Arias, Smith (1998), section 2.4.1.
    """
    if is_square(x):
        return unitary_exp(manifold, x, u)
    matrices = manifold.matrices
    u = limited_tangent(matrices, x, u)
    half = np.asarray(0.5, x.type.dtype)
    a, v = half * rotation(matrices, x, u), half_along(matrices, x, u)
    point = first_columns(matrices, x, v, a, matrices.matmul(matrices.hconj(v), v))
    return Polar(matrices.field)(point)[0]


def rotation(matrices, x, u):
    """The skew-Hermitian Omega of the tangent u = x Omega."""
    return matrices.skew_hermitian(matrices.matmul(matrices.hconj(x), u))


def is_square(x):
    """Whether the matrices are known to be square."""
    rows, columns = x.type.shape[-2:]
    return rows is not None and rows == columns


def limited(matrices, a, power=0.5):
    r"""a, shortened to the length :math:`0.1\,\epsilon^{-power}` where it is longer.

    The condition of the systems that are solved grows with the length, or with its square: a longer
    step would leave the manifold by rounding, and one of this length ends next to where it does.
    """
    limit = np.asarray(0.1 / np.finfo(a.type.dtype).eps ** power, a.type.dtype)
    length = pt.shape_padright(matrices.norm(a), matrices.axes)
    # Not by a switch, whose gradient would be NaN at zero in a graph that no rewriting cleans.
    return a * (limit / pt.maximum(length, limit))


def limited_tangent(matrices, x, u, power=0.5):
    """u `limited`, then projected: of a long step's rounding the exponential would make infinities."""
    u = limited(matrices, u, power)
    across = matrices.hermitian(matrices.matmul(matrices.hconj(x), u))
    return u - matrices.matmul(x, across)


def half_along(matrices, x, u):
    r""":math:`(I - X X^H / 2) U`, half of U's part along X: U in the canonical metric's dual."""
    half = np.asarray(0.5, x.type.dtype)
    return u - half * matrices.matmul(x, matrices.matmul(matrices.hconj(x), u))


def scale_of(matrices, u):
    """Sigma, broadcasting against u; a constant for gradients, since no value depends on it."""
    length = pt.shape_padright(matrices.norm(u), matrices.axes)
    return disconnected_grad(pt.maximum(length, pt.ones_like(length)))


def first_columns(matrices, x, v, a, s):
    r""":math:`[X, V] \exp [[A, -S], [I, A]] [I; 0]`."""
    sigma = scale_of(matrices, v)
    lower = (pt.zeros_like(a) + matrices.eye_like(a)) * sigma
    rows = (pt.concatenate([a, -s / sigma], axis=-1), pt.concatenate([lower, a], axis=-1))
    columns = ExpmPath(matrices.field, 0, "general")(pt.concatenate(rows, axis=-2))
    p = x.shape[-1] if x.type.shape[-1] is None else x.type.shape[-1]
    return matrices.matmul(pt.concatenate([x, v / sigma], axis=-1), columns[..., :p])
