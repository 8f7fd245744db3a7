"""Adam, and what its kin share with it."""

import pytensor.tensor as pt

from unitarygraph.parameter import manifold_of
from unitarygraph.updates.gradients import gradients, tangent_gradient
from unitarygraph.updates.soundness import check_update
from unitarygraph.updates.state import scalar, zeros, zeros_like, zeros_of_mean_square


def adam(
    loss_or_grads,
    params,
    learning_rate=1e-3,
    beta1=0.9,
    beta2=0.999,
    epsilon=1e-8,
    retraction="qr",
):
    r"""Adam, the first moment carried along by the manifold's transport T.

    .. math:: m \leftarrow \beta_1 m + (1 - \beta_1)\,\mathrm{grad}, \quad
              v \leftarrow \beta_2 v + (1 - \beta_2)\,s(\mathrm{grad})

    .. math:: x^+ = R_x\left(-\eta\,\frac{m / (1 - \beta_1^t)}
              {\sqrt{v / (1 - \beta_2^t)} + \epsilon}\right), \quad m \leftarrow T_{x \to x^+}(m)

    In flat space s is the elementwise square; on other manifolds :math:`|u|^2/\mathrm{dim}`, one
    number a matrix, as in `rmsprop`. The state is remembered as ``<parameter>/adam/`` ``first``,
    ``second`` and ``step``. Arguments, result and errors as `sgd`.
    Source: Kingma and Ba (2015), algorithm 1; Becigneul and Ganea (2019) for manifolds.
    """

    def size(p, manifold, gradient, keep, time, updates):
        second = second_moment("adam", p, manifold, gradient, keep, updates)
        return pt.sqrt(second / (1 - keep**time)) + scalar(epsilon, p, "epsilon")

    return with_first_moment(
        "adam", loss_or_grads, params, learning_rate, beta1, beta2, retraction, size
    )


def with_first_moment(rule, loss_or_grads, params, learning_rate, beta1, beta2, retraction, size):
    """Updates of a rule that moves along the first moment, corrected for its start, over a size.

    ``size(p, manifold, gradient, beta2, t, updates)`` gives the divisor, which broadcasts against p,
    and adds the updates of its own state to ``updates``.
    """
    updates = {}
    for p, g in gradients(loss_or_grads, params):
        manifold = manifold_of(p)
        rate = scalar(learning_rate, p, "learning_rate")
        keep1, keep2 = scalar(beta1, p, "beta1"), scalar(beta2, p, "beta2")
        first = zeros_like(p, rule, "first")
        step = zeros(p, rule, "step", (), "int64")
        gradient = tangent_gradient(p, g, manifold)
        moved = keep1 * first + (1 - keep1) * gradient
        updates[step] = step + 1
        time = updates[step].astype(p.type.dtype)
        divisor = size(p, manifold, gradient, keep2, time, updates)
        direction = -rate / (1 - keep1**time) * moved / divisor
        updates[p] = manifold.retr(p, direction, kind=retraction)
        updates[first] = manifold.transport(p, updates[p], moved)
        check_update(rule, p, g, [rate, keep1, keep2], updates[p], manifold)
    return updates


def second_moment(rule, p, manifold, gradient, keep, updates):
    """Running mean of the gradient's square; its update is added to ``updates``."""
    second = zeros_of_mean_square(p, manifold, rule, "second")
    updates[second] = keep * second + (1 - keep) * manifold.mean_square(p, gradient)
    return updates[second]
