r"""Curves of matrices with orthonormal columns: geodesics of two metrics, and the Cayley curve.

They solve linear equations of size 2p. The columns that U gives are divided by
:math:`\sigma = \max(1, \|U\|)` and multiplied back, which changes no value and keeps the systems
balanced for long steps. What rounding leaves of a geodesic is removed by the polar factor.
"""

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import disconnected_grad

from unitarygraph.manifolds import unitary
from unitarygraph.ops.expm.path import ExpmPath
from unitarygraph.ops.expm.skew import ExpmSkew
from unitarygraph.ops.newton_schulz import NewtonSchulz
from unitarygraph.ops.polar import Polar


def is_square(x):
    """Whether the matrices are known to be square."""
    rows, columns = x.type.shape[-2:]
    return rows is not None and rows == columns


def scale_of(matrices, u):
    """Sigma, broadcasting against u; a constant for gradients, since no value depends on it."""
    length = pt.shape_padright(matrices.norm(u), matrices.axes)
    return disconnected_grad(pt.maximum(length, pt.ones_like(length)))


def settled(matrices, x, u, power=0.5):
    """u `limited`, then projected: of a long step's rounding the exponential would make infinities."""
    u = unitary.limited(matrices, u, power)
    across = matrices.hermitian(matrices.matmul(matrices.hconj(x), u))
    return u - matrices.matmul(x, across)


def inward(matrices, x, u):
    r""":math:`(I - X X^H / 2) U`."""
    half = np.asarray(0.5, x.type.dtype)
    return u - half * matrices.matmul(x, matrices.matmul(matrices.hconj(x), u))


def by_cayley(matrices, x, u):
    r"""Cayley transform of :math:`W = P U X^H - X U^H P`, :math:`P = I - X X^H / 2`, applied to x.

    P makes the displacement W X equal to u. With W = L R^H of rank 2p, L = [PU, X], R = [X, -PU],
    the system is 2p x 2p: X + L (I - R^H L / 2)^{-1} R^H X. Source: Wen and Yin (2013), lemma 4.
    """
    if is_square(x):
        return unitary.by_cayley(matrices, x, u)
    matmul, half = matrices.matmul, np.asarray(0.5, x.type.dtype)
    pu = inward(matrices, x, settled(matrices, x, u, power=0.4))
    sigma = scale_of(matrices, pu)
    left = pt.concatenate([pu / sigma, x], axis=-1)
    right = matrices.hconj(pt.concatenate([sigma * x, -pu], axis=-1))
    system = matrices.eye_like(left) - half * matmul(right, left)
    step = matmul(left, matrices.solve(system, matmul(right, x)))
    # Twice, as the error of a long step grows with the square of its length.
    return NewtonSchulz(matrices.field)(NewtonSchulz(matrices.field)(x + step))


def by_exp(matrices, x, u):
    r"""Geodesic of the Euclidean metric, with :math:`A = X^H U`, :math:`S = U^H U`.

    .. math:: [X, U] \exp\begin{pmatrix} A & -S \\ I & A \end{pmatrix}
              \begin{pmatrix} \exp(-A) \\ 0 \end{pmatrix}

    Source: Edelman, Arias, Smith (1998), section 2.2.2. On square matrices x exp(A).
    """
    if is_square(x):
        return unitary.by_exp(matrices, x, u)
    u = settled(matrices, x, u)
    a = unitary.rotation(matrices, x, u)
    point = first_columns(matrices, x, u, a, matrices.matmul(matrices.hconj(u), u))
    back = ExpmSkew(matrices.field)(-a)[0]
    return Polar(matrices.field)(matrices.matmul(point, back))[0]


def by_canonical_exp(matrices, x, u):
    r"""Geodesic of the canonical metric, :math:`e^W X` with W of `by_cayley`.

    As W = L R^H and X = L [0; I], it is :math:`L\, e^{R^H L} [0; I]`; with V = PU,

    .. math:: [X, V] \exp\begin{pmatrix} A/2 & -V^H V \\ I & A/2 \end{pmatrix}
              \begin{pmatrix} I \\ 0 \end{pmatrix}.

    Source: Edelman, Arias, Smith (1998), section 2.4.1.
    """
    if is_square(x):
        return unitary.by_exp(matrices, x, u)
    u = settled(matrices, x, u)
    half = np.asarray(0.5, x.type.dtype)
    a, v = half * unitary.rotation(matrices, x, u), inward(matrices, x, u)
    point = first_columns(matrices, x, v, a, matrices.matmul(matrices.hconj(v), v))
    return Polar(matrices.field)(point)[0]


def first_columns(matrices, x, v, a, s):
    r""":math:`[X, V] \exp [[A, -S], [I, A]] [I; 0]`."""
    sigma = scale_of(matrices, v)
    lower = (pt.zeros_like(a) + matrices.eye_like(a)) * sigma
    rows = (pt.concatenate([a, -s / sigma], axis=-1), pt.concatenate([lower, a], axis=-1))
    columns = ExpmPath(matrices.field, 0, "general")(pt.concatenate(rows, axis=-2))
    p = x.shape[-1] if x.type.shape[-1] is None else x.type.shape[-1]
    return matrices.matmul(pt.concatenate([x, v / sigma], axis=-1), columns[..., :p])
