"""RMSprop."""

import pytensor.tensor as pt

from unitarygraph.parameter import manifold_of
from unitarygraph.updates.gradients import gradients, tangent_gradient
from unitarygraph.updates.soundness import check_update
from unitarygraph.updates.state import scalar, zeros_of_mean_square


def rmsprop(loss_or_grads, params, learning_rate, rho=0.99, epsilon=1e-8, retraction="qr"):
    r"""Steps divided by a running root mean square of the gradient.

    .. math:: v \leftarrow \rho v + (1 - \rho)\,s(\mathrm{grad}), \quad
              x \leftarrow R_x(-\eta\,\mathrm{grad} / (\sqrt v + \epsilon))

    In flat space s is the elementwise square: PyTorch's form, with :math:`\epsilon` outside the
    root. On other manifolds :math:`s(u) = |u|^2 / \mathrm{dim}`, one number a matrix, so that the
    direction stays tangent. v starts at zero and is remembered as
    ``<parameter>/rmsprop/mean_square``. Arguments, result and errors as `sgd`.
    Source: Tieleman and Hinton (2012).
    """
    updates = {}
    for p, g in gradients(loss_or_grads, params):
        manifold = manifold_of(p)
        rate, keep = scalar(learning_rate, p, "learning_rate"), scalar(rho, p, "rho")
        mean = zeros_of_mean_square(p, manifold, "rmsprop", "mean_square")
        gradient = tangent_gradient(p, g, manifold)
        updates[mean] = keep * mean + (1 - keep) * manifold.mean_square(p, gradient)
        size = pt.sqrt(updates[mean]) + scalar(epsilon, p, "epsilon")
        updates[p] = manifold.retr(p, -rate * gradient / size, kind=retraction)
        check_update("rmsprop", p, g, [rate, keep], updates[p], manifold)
    return updates
