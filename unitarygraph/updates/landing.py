"""The landing algorithm: descent that is drawn to the manifold without retractions."""

import numpy as np
import pytensor.tensor as pt

from unitarygraph.manifolds import Euclidean, Stiefel, Unitary
from unitarygraph.stacked.typing import LossOrGrads, Params, Scalar, Updates
from unitarygraph.updates.base import descend, label, serves


@serves(Unitary, Stiefel, Euclidean, companion="sgd")
def landing(
    loss_or_grads: LossOrGrads,
    params: Params,
    learning_rate: Scalar,
    *,
    strength: Scalar = 1.0,
    epsilon: Scalar = 0.5,
) -> Updates:
    r"""Landing: :math:`X \leftarrow X - s\,\Lambda`, products only.

    .. math:: \Lambda = \mathrm{skew}(G X^H) X + \lambda X (X^H X - I)

    The two terms are orthogonal: the first descends, the second, with the ``strength``
    :math:`\lambda`, is the gradient of :math:`\|X^H X - I\|^2 / 4`. **Between steps the stored value
    is near the manifold, not on it**: it arrives there as the first term vanishes. Project it at the
    end (`project_after`, `Unitary.nearest`) where a matrix on the manifold is needed.

    ``epsilon`` in (0, 1) keeps X in the tube :math:`d = \|X^H X - I\|_F \le \epsilon` by a step that
    is as long as the learning rate or the safe step, whichever is shorter:

    .. math:: s = \min\left(\eta,\ \frac{1}{2\lambda},\
              \frac{\alpha + \sqrt{\alpha^2 + 4 \beta (\epsilon - d)}}{2 \beta}\right), \quad
              \alpha = 2 \lambda d (1 - d), \quad \beta = \|\Lambda\|_F^2

    As :math:`X^H \Lambda + \Lambda^H X = 2 \lambda (N + N^2)`, :math:`N = X^H X - I`, the new
    deviation is at most :math:`d - \alpha s + \beta s^2`. Outside the tube it still falls as long as d
    < 1. With ``epsilon=None`` the step is the learning rate.

    Parameters on `Unitary` and `Stiefel`, of both fields, follow the formula; those of flat space
    `sgd`. Other arguments, result and errors as `sgd`; ValueError for parameters on other manifolds,
    a strength that is not positive or an epsilon out of (0, 1).

    Source: Ablin and Peyre (2022), "Fast and accurate optimization on the orthogonal manifold without
    retraction", whose safe step bounds :math:`\beta` by the two terms' norms and is never longer;
    Ablin, Vary, Gao, Absil (2024), lemma on the safe step size, for Stiefel and the form above.
    """
    if epsilon is not None and not 0 < epsilon < 1:
        raise ValueError(f"landing: epsilon must be in (0, 1) or None, got {epsilon!r}")
    if not strength > 0:
        raise ValueError(f"landing: strength must be positive, got {strength!r}")

    def step(at):
        if type(at.manifold) is Euclidean:
            return at.x - at.rate * at.g
        if type(at.manifold) not in (Unitary, Stiefel):
            raise ValueError(
                f"landing: {label(at.p)} must be on Unitary, Stiefel or of flat space, "
                f"got one on {at.manifold}"
            )
        matrices, dtype = at.manifold.matrices, at.x.type.dtype
        pull = np.asarray(strength, dtype)
        direction, deviation = landing_direction(matrices, at.x, at.g, pull)
        length = at.rate
        if epsilon is not None:
            safe = safe_step(matrices, direction, deviation, pull, np.asarray(epsilon, dtype))
            length = pt.shape_padright(pt.minimum(at.rate, safe), matrices.axes)
        return at.x - length * direction

    return descend("landing", step, loss_or_grads, params, learning_rate)


def landing_direction(matrices, x, g, strength):
    r""":math:`\Lambda` and :math:`X^H X - I`; on (n, p) matrices no product is n x n x n."""
    matmul, hconj = matrices.matmul, matrices.hconj
    gram = matmul(hconj(x), x)
    deviation = gram - matrices.eye_like(gram)
    half = np.asarray(0.5, x.type.dtype)
    descent = half * (matmul(g, gram) - matmul(x, matmul(hconj(g), x)))
    return descent + strength * matmul(x, deviation), deviation


def safe_step(matrices, direction, deviation, strength, epsilon):
    """Longest step known to stay in the tube of radius epsilon, one number a matrix."""
    d = matrices.norm(deviation)
    smallest = np.asarray(np.finfo(direction.type.dtype).eps, direction.type.dtype)
    # Divided by |Lambda| at once, of which no square is formed; a larger one shortens the step.
    size = pt.maximum(matrices.norm(direction), smallest)
    slope = strength * d * (1 - d) / size
    room = pt.maximum(epsilon - d, np.asarray(0, direction.type.dtype))
    longest = pt.maximum(slope + pt.sqrt(pt.sqr(slope) + room), 0) / size
    return pt.minimum(longest, np.asarray(0.5, direction.type.dtype) / strength)
