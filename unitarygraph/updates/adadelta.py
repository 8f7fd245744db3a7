"""Adadelta."""

import pytensor.tensor as pt

from unitarygraph.parameter import manifold_of
from unitarygraph.updates.gradients import gradients, tangent_gradient
from unitarygraph.updates.soundness import check_update
from unitarygraph.updates.state import scalar, zeros_of_mean_square


def adadelta(loss_or_grads, params, learning_rate=1.0, rho=0.9, epsilon=1e-6, retraction="qr"):
    r"""Steps as long as the past ones were, in units of the gradients that led to them.

    .. math:: v \leftarrow \rho v + (1 - \rho)\,s(\mathrm{grad}), \quad
              u = \frac{\sqrt{w + \epsilon}}{\sqrt{v + \epsilon}}\,\mathrm{grad}, \quad
              w \leftarrow \rho w + (1 - \rho)\,s(u), \quad x \leftarrow R_x(-\eta u)

    In flat space s is the elementwise square, as in PyTorch; on other manifolds the manifold's
    ``mean_square``, as in `rmsprop`: both roots are then numbers, and u is tangent. v and w start at
    zero and are remembered as ``<parameter>/adadelta/mean_square`` and ``mean_square_step``.
    Arguments, result and errors as `sgd`. Source: Zeiler (2012), algorithm 1.
    """
    updates = {}
    for p, g in gradients(loss_or_grads, params):
        manifold = manifold_of(p)
        rate, keep = scalar(learning_rate, p, "learning_rate"), scalar(rho, p, "rho")
        small = scalar(epsilon, p, "epsilon")
        mean = zeros_of_mean_square(p, manifold, "adadelta", "mean_square")
        mean_step = zeros_of_mean_square(p, manifold, "adadelta", "mean_square_step")
        gradient = tangent_gradient(p, g, manifold)
        updates[mean] = keep * mean + (1 - keep) * manifold.mean_square(p, gradient)
        step = pt.sqrt(mean_step + small) / pt.sqrt(updates[mean] + small) * gradient
        updates[mean_step] = keep * mean_step + (1 - keep) * manifold.mean_square(p, step)
        updates[p] = manifold.retr(p, -rate * step, kind=retraction)
        check_update("adadelta", p, g, [rate, keep, small], updates[p], manifold)
    return updates
