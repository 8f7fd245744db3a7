"""Lion."""

import pytensor.tensor as pt

from unitarygraph.manifolds import Euclidean
from unitarygraph.parameter import manifold_of
from unitarygraph.updates.gradients import gradients, tangent_gradient
from unitarygraph.updates.soundness import check_update
from unitarygraph.updates.state import scalar, zeros_like


def lion(loss_or_grads, params, learning_rate=1e-4, beta1=0.9, beta2=0.99, retraction="qr"):
    r"""Steps of constant size along a mean of gradient and momentum.

    .. math:: c = \beta_1 m + (1 - \beta_1)\,\mathrm{grad}, \quad
              x^+ = R_x(-\eta\,\mathrm{sign}(c)), \quad
              m \leftarrow T_{x \to x^+}(\beta_2 m + (1 - \beta_2)\,\mathrm{grad})

    In flat space sign is taken elementwise. A matrix of signs is no tangent of a curved manifold;
    there :math:`\mathrm{sign}(c) = c / \sqrt{s(c)}` with s the manifold's ``mean_square``, which is
    the elementwise sign where s is the elementwise square, and zero at c = 0: a step of constant
    length, an extension of this library. m starts at zero and is remembered as
    ``<parameter>/lion/momentum``. For the published weight decay put the result into
    `decoupled_decay`. Arguments, result and errors as `sgd`. Source: Chen et al. (2023), algorithm 2.
    """
    updates = {}
    for p, g in gradients(loss_or_grads, params):
        manifold, rate = manifold_of(p), scalar(learning_rate, p, "learning_rate")
        keep1, keep2 = scalar(beta1, p, "beta1"), scalar(beta2, p, "beta2")
        mean = zeros_like(p, "lion", "momentum")
        gradient = tangent_gradient(p, g, manifold)
        direction = _sign(p, manifold, keep1 * mean + (1 - keep1) * gradient)
        updates[p] = manifold.retr(p, -rate * direction, kind=retraction)
        moved = keep2 * mean + (1 - keep2) * gradient
        updates[mean] = manifold.transport(p, updates[p], moved)
        check_update("lion", p, g, [rate, keep1, keep2], updates[p], manifold)
    return updates


def _sign(p, manifold, u):
    if type(manifold) is Euclidean:
        return pt.sign(u)
    size = pt.sqrt(manifold.mean_square(p, u))
    return u / pt.switch(pt.gt(size, 0), size, pt.ones_like(size))
