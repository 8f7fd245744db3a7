"""Gradient descent."""

from unitarygraph.parameter import manifold_of
from unitarygraph.updates.gradients import gradients
from unitarygraph.updates.soundness import check_update
from unitarygraph.updates.state import scalar


def sgd(loss_or_grads, params, learning_rate, retraction="qr"):
    r"""Riemannian gradient descent, :math:`x \leftarrow R_x(-\eta\,\mathrm{grad})`.

    grad is the Euclidean gradient projected on the tangent space; on parameters of flat space the
    rule is plain SGD.

    Parameters
    ----------
    loss_or_grads : symbolic scalar, or one gradient a parameter
    params : shared variables, from `unitarygraph.parameter` or `pytensor.shared`, or one
    learning_rate : float or symbolic scalar; cast to each parameter's dtype
    retraction : a name of ``manifold.retractions``: "qr", "polar", "cayley" or "exp"

    Returns
    -------
    dict
        {parameter: new value}, for ``pytensor.function(updates=...)``

    Raises
    ------
    ValueError
        for a parameter given twice, gradients that do not match, an unknown retraction, or an
        update that would not depend on its parameter or its gradient
    TypeError
        for params that are not shared variables of floats

    Source: Absil, Mahony, Sepulchre (2008), section 4.2.
    """
    updates = {}
    for p, g in gradients(loss_or_grads, params):
        manifold, rate = manifold_of(p), scalar(learning_rate, p, "learning_rate")
        updates[p] = manifold.retr(p, -rate * manifold.egrad2rgrad(p, g), kind=retraction)
        check_update("sgd", p, g, [rate], updates[p], manifold)
    return updates
