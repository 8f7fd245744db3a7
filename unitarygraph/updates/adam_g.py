"""Adam-G."""

import pytensor.tensor as pt

from unitarygraph.updates.gradients import gradients
from unitarygraph.updates.sgd_g import manifold_of_unit_vectors, row_gradient
from unitarygraph.updates.soundness import check_update
from unitarygraph.updates.state import scalar, zeros, zeros_like, zeros_of_mean_square


def adam_g(
    loss_or_grads,
    params,
    learning_rate,
    beta1=0.9,
    beta2=0.99,
    epsilon=1e-8,
    omega=0.0,
    grad_clip=None,
):
    r"""Adam on unit vectors y, the second moment v one number a row.

    .. math:: m \leftarrow \beta_1 m + (1 - \beta_1)\,h, \quad
              v \leftarrow \beta_2 v + (1 - \beta_2)\,|h|^2, \quad
              d = -\eta\,\frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t}\,\frac{m}{\sqrt{v + \epsilon}}

    .. math:: y^+ = y \cos|d| + \frac{d}{|d|} \sin|d|, \quad
              m \leftarrow m \cos|d| + y\,|m| \sin|d|

    h is the tangent of `sgd_g`, with its regularisation and clipping; m is carried along the great
    circle of d. Unlike in `adam`, v is the whole length (not over the dimension), not corrected
    under the root together with :math:`\epsilon`. The state is remembered as
    ``<parameter>/adam_g/`` ``first``, ``second`` and ``step``. Published learning rate: 0.05.
    Arguments, result and errors as `sgd_g`. Source: Cho and Lee (2017).
    """
    updates = {}
    for p, g in gradients(loss_or_grads, params):
        manifold = manifold_of_unit_vectors("adam_g", p)
        rate = scalar(learning_rate, p, "learning_rate")
        keep1, keep2 = scalar(beta1, p, "beta1"), scalar(beta2, p, "beta2")
        first = zeros_like(p, "adam_g", "first")
        second = zeros_of_mean_square(p, manifold, "adam_g", "second")
        step = zeros(p, "adam_g", "step", (), "int64")
        h = row_gradient(p, g, manifold, omega, grad_clip)
        moved = keep1 * first + (1 - keep1) * h
        updates[step] = step + 1
        updates[second] = keep2 * second + (1 - keep2) * manifold.pairing(h, h)
        time = updates[step].astype(p.type.dtype)
        start = pt.sqrt(1 - keep2**time) / (1 - keep1**time)
        size = pt.sqrt(updates[second] + scalar(epsilon, p, "epsilon"))
        updates[p] = manifold.exp(p, -rate * start * moved / size)
        updates[first] = manifold.transport(p, updates[p], moved)
        check_update("adam_g", p, g, [rate, keep1, keep2], updates[p], manifold)
    return updates
