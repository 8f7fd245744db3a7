"""SGD-G and Adam-G: rows of unit norm that move along great circles."""

import pytensor.tensor as pt

from unitarygraph.manifolds import Oblique, Sphere
from unitarygraph.stacked.typing import LossOrGrads, Params, Scalar, Updates
from unitarygraph.updates.base import descend, label, serves
from unitarygraph.updates.clipping import shortened


@serves(Oblique, Sphere, companion="nesterov_momentum")
def sgd_g(
    loss_or_grads: LossOrGrads,
    params: Params,
    learning_rate: Scalar,
    *,
    momentum: Scalar = 0.9,
    omega: Scalar = 0.0,
    grad_clip: Scalar | None = None,
) -> Updates:
    r"""Momentum on unit vectors y, the weights of batch-normalized units, one a row.

    .. math:: h = P_y\left(g + 2 \omega\,(Y Y^H Y - Y)\right), \quad
              h \leftarrow h \min(1, \nu / |h|), \quad d = \mu m - \eta h

    .. math:: y^+ = y \cos|d| + \frac{d}{|d|} \sin|d|, \quad
              m \leftarrow d \cos|d| - y\,|d| \sin|d|

    P is the tangent projection; d, m and their lengths are those of one row; m starts at zero and
    is remembered as ``<parameter>/sgd_g/velocity``. Published settings: learning rate 0.2, momentum
    0.9, omega 0.1, grad_clip 0.1.

    Parameters
    ----------
    loss_or_grads : symbolic scalar, or one gradient a parameter
    params : parameters on `Oblique` (rows of unit norm, or columns) or `Sphere`, where the point is
        the one row. Kernels (out, in, kh, kw) are stored as matrices (out, in kh kw) on
        ``Oblique(field="real")``, as `nn.Conv2D` does; reshape them where the model convolves
    learning_rate, momentum : float or symbolic scalar
    omega : strength of the regularization :math:`\frac{\omega}{2} \|Y Y^H - I\|_F^2`, which draws the
        rows of a matrix toward orthogonality; zero on a `Sphere`
    grad_clip : the largest length :math:`\nu` of a row of h, or None

    Returns
    -------
    dict
        {parameter: new value}, for ``pytensor.function(updates=...)``

    Raises
    ------
    ValueError, TypeError
        as `sgd`; ValueError for a parameter of another manifold

    Source: Cho and Lee (2017).
    """

    def step(at):
        require_unit_vectors(at)
        mu, velocity = at.number(momentum, "momentum"), at.zeros("velocity")
        d = mu * velocity - at.rate * row_gradient(at, omega, grad_clip)
        return at.manifold.exp(at.x, at.transport(velocity, d))

    return descend("sgd_g", step, loss_or_grads, params, learning_rate)


@serves(Oblique, Sphere, companion="nesterov_momentum")
def adam_g(
    loss_or_grads: LossOrGrads,
    params: Params,
    learning_rate: Scalar,
    *,
    beta1: Scalar = 0.9,
    beta2: Scalar = 0.99,
    epsilon: Scalar = 1e-8,
    omega: Scalar = 0.0,
    grad_clip: Scalar | None = None,
) -> Updates:
    r"""Adam on unit vectors y, the second moment v one number a row.

    .. math:: m \leftarrow \beta_1 m + (1 - \beta_1)\,h, \quad
              v \leftarrow \beta_2 v + (1 - \beta_2)\,|h|^2, \quad
              d = -\eta\,\frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t}\,\frac{m}{\sqrt{v + \epsilon}}

    .. math:: y^+ = y \cos|d| + \frac{d}{|d|} \sin|d|, \quad
              m \leftarrow m \cos|d| + y\,|m| \sin|d|

    h is the tangent of `sgd_g`, with its regularization and clipping; m is carried along the great
    circle of d. Unlike in `adam`, v is the whole length (not over the dimension), not corrected
    under the root together with :math:`\epsilon`. The state is remembered as
    ``<parameter>/adam_g/`` ``first``, ``second`` and ``step``. Published learning rate: 0.05.
    Arguments, result and errors as `sgd_g`. Source: Cho and Lee (2017).
    """

    def step(at):
        require_unit_vectors(at)
        keep1, keep2 = at.number(beta1, "beta1"), at.number(beta2, "beta2")
        first, second, count = at.zeros("first"), at.zeros_of_mean_square("second"), at.counter()
        h = row_gradient(at, omega, grad_clip)
        m = at.transport(first, keep1 * first + (1 - keep1) * h)
        time = at.remember(count, count + 1).astype(at.x.type.dtype)
        v = at.remember(second, keep2 * second + (1 - keep2) * at.manifold.pairing(h, h))
        start = pt.sqrt(1 - keep2**time) / (1 - keep1**time)
        size = pt.sqrt(v + at.number(epsilon, "epsilon"))
        return at.manifold.exp(at.x, -at.rate * start * m / size)

    return descend("adam_g", step, loss_or_grads, params, learning_rate)


def require_unit_vectors(at):
    """ValueError for a parameter that is not one of unit vectors."""
    if not isinstance(at.manifold, Oblique | Sphere):
        raise ValueError(
            f"{at.rule}: params must be on Oblique or Sphere, got {label(at.p)} on {at.manifold}; "
            "give the others to a rule of their own and merge the updates with |"
        )


def row_gradient(at, omega, grad_clip):
    """Tangent h of each row: regularized, projected, clipped."""
    g = at.g
    if not (isinstance(omega, int | float) and omega == 0) and isinstance(at.manifold, Oblique):
        matrices = at.manifold.matrices
        excess = matrices.matmul(at.x, matrices.hconj(at.x), at.x) - at.x
        g = g + 2 * at.number(omega, "omega") * excess
    h = at.tangent_or_zero(g)
    if grad_clip is None:
        return h
    return shortened(h, at.manifold.lengths(h), at.number(grad_clip, "grad_clip"))
