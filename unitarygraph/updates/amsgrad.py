"""AMSGrad."""

import pytensor.tensor as pt

from unitarygraph.updates.adam import second_moment, with_first_moment
from unitarygraph.updates.state import scalar, zeros_of_mean_square


def amsgrad(
    loss_or_grads,
    params,
    learning_rate=1e-3,
    beta1=0.9,
    beta2=0.999,
    epsilon=1e-8,
    retraction="qr",
):
    r"""Adam with a second moment that never shrinks.

    .. math:: w \leftarrow \max(w, v), \quad x^+ = R_x\left(-\eta\,\frac{m / (1 - \beta_1^t)}
              {\sqrt{w / (1 - \beta_2^t)} + \epsilon}\right)

    m and v as in `adam`. The correction of w for its start is that of PyTorch's
    ``Adam(amsgrad=True)``; the paper has none. The state is remembered as ``<parameter>/amsgrad/``
    ``first``, ``second``, ``largest`` and ``step``. Arguments, result and errors as `sgd`.
    Source: Reddi, Kale, Kumar (2018), algorithm 2; Becigneul and Ganea (2019) for manifolds.
    """

    def size(p, manifold, gradient, keep, time, updates):
        second = second_moment("amsgrad", p, manifold, gradient, keep, updates)
        largest = zeros_of_mean_square(p, manifold, "amsgrad", "largest")
        updates[largest] = pt.maximum(largest, second)
        return pt.sqrt(updates[largest] / (1 - keep**time)) + scalar(epsilon, p, "epsilon")

    return with_first_moment(
        "amsgrad", loss_or_grads, params, learning_rate, beta1, beta2, retraction, size
    )
