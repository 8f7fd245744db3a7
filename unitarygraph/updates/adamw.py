"""Adam with decoupled weight decay."""

from unitarygraph.updates.adam import adam
from unitarygraph.updates.decay import decoupled_decay
from unitarygraph.updates.gradients import as_list


def adamw(
    loss_or_grads,
    params,
    learning_rate=1e-3,
    beta1=0.9,
    beta2=0.999,
    epsilon=1e-8,
    weight_decay=1e-2,
    retraction="qr",
):
    r"""`adam`, and flat parameters shrink by :math:`\eta \lambda x` besides, past its moments.

    .. math:: x^+ = \mathrm{adam}(x) - \eta \lambda x

    Parameters of curved manifolds do not decay, see `decoupled_decay`. The state is Adam's.
    Arguments, result and errors as `adam`; :math:`\lambda` is a float or a symbolic scalar.
    Source: Loshchilov and Hutter (2019), algorithm 2; this form, PyTorch.
    """
    params = as_list(params)
    updates = adam(loss_or_grads, params, learning_rate, beta1, beta2, epsilon, retraction)
    return decoupled_decay(updates, params, learning_rate, weight_decay)
