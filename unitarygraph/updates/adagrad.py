"""Adagrad."""

import pytensor.tensor as pt

from unitarygraph.parameter import manifold_of
from unitarygraph.updates.gradients import gradients, tangent_gradient
from unitarygraph.updates.soundness import check_update
from unitarygraph.updates.state import scalar, zeros_of_mean_square


def adagrad(loss_or_grads, params, learning_rate=1e-2, epsilon=1e-10, retraction="qr"):
    r"""Steps divided by the root of the sum of all squared gradients so far.

    .. math:: v \leftarrow v + s(\mathrm{grad}), \quad
              x \leftarrow R_x(-\eta\,\mathrm{grad} / (\sqrt v + \epsilon))

    In flat space s is the elementwise square, as in PyTorch; on other manifolds the manifold's
    ``mean_square``, as in `rmsprop`. v starts at zero and is remembered as
    ``<parameter>/adagrad/sum``. Arguments, result and errors as `sgd`.
    Source: Duchi, Hazan, Singer (2011); Becigneul and Ganea (2019) for manifolds.
    """
    updates = {}
    for p, g in gradients(loss_or_grads, params):
        manifold, rate = manifold_of(p), scalar(learning_rate, p, "learning_rate")
        total = zeros_of_mean_square(p, manifold, "adagrad", "sum")
        gradient = tangent_gradient(p, g, manifold)
        updates[total] = total + manifold.mean_square(p, gradient)
        size = pt.sqrt(updates[total]) + scalar(epsilon, p, "epsilon")
        updates[p] = manifold.retr(p, -rate * gradient / size, kind=retraction)
        check_update("adagrad", p, g, [rate], updates[p], manifold)
    return updates
