"""AdaMax."""

import pytensor.tensor as pt

from unitarygraph.updates.adam import with_first_moment
from unitarygraph.updates.state import scalar, zeros_of_mean_square


def adamax(
    loss_or_grads,
    params,
    learning_rate=2e-3,
    beta1=0.9,
    beta2=0.999,
    epsilon=1e-8,
    retraction="qr",
):
    r"""Adam with a fading maximum of the gradients' sizes in place of their root mean square.

    .. math:: w \leftarrow \max(\beta_2 w, \sqrt{s(\mathrm{grad})} + \epsilon), \quad
              x^+ = R_x\left(-\eta\,\frac{m / (1 - \beta_1^t)}{w}\right)

    m and s as in `adam`; :math:`\epsilon` stands where PyTorch has it. The state is remembered as
    ``<parameter>/adamax/`` ``first``, ``largest`` and ``step``. Arguments, result and errors as
    `sgd`. Source: Kingma and Ba (2015), algorithm 2.
    """

    def size(p, manifold, gradient, keep, time, updates):
        largest = zeros_of_mean_square(p, manifold, "adamax", "largest")
        now = pt.sqrt(manifold.mean_square(p, gradient)) + scalar(epsilon, p, "epsilon")
        updates[largest] = pt.maximum(keep * largest, now)
        return updates[largest]

    return with_first_moment(
        "adamax", loss_or_grads, params, learning_rate, beta1, beta2, retraction, size
    )
