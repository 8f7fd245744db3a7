"""Gradient descent with momentum."""

from unitarygraph.parameter import manifold_of
from unitarygraph.updates.gradients import gradients
from unitarygraph.updates.soundness import check_update
from unitarygraph.updates.state import scalar, zeros_like


def momentum(loss_or_grads, params, learning_rate, momentum=0.9, retraction="qr"):
    r"""Heavy ball, the velocity carried along by the manifold's transport T.

    .. math:: m \leftarrow \mu m + \mathrm{grad}, \quad x^+ = R_x(-\eta m), \quad
              m \leftarrow T_{x \to x^+}(m)

    m starts at zero and is remembered as ``<parameter>/momentum/velocity``. On parameters of flat
    space this is the SGD of PyTorch with momentum. Arguments, result and errors as `sgd`; the
    momentum coefficient is a float or a symbolic scalar. Source: Polyak (1964).
    """
    return with_velocity(
        "momentum", loss_or_grads, params, learning_rate, momentum, retraction, _velocity
    )


def with_velocity(rule, loss_or_grads, params, learning_rate, momentum, retraction, direction):
    """Updates of a rule that moves along ``direction(gradient, momentum, new velocity)``."""
    updates = {}
    for p, g in gradients(loss_or_grads, params):
        manifold = manifold_of(p)
        rate, keep = scalar(learning_rate, p, "learning_rate"), scalar(momentum, p, "momentum")
        velocity = zeros_like(p, rule, "velocity")
        gradient = manifold.egrad2rgrad(p, g)
        moved = keep * velocity + gradient
        updates[p] = manifold.retr(p, -rate * direction(gradient, keep, moved), kind=retraction)
        updates[velocity] = manifold.transport(p, updates[p], moved)
        check_update(rule, p, g, [rate, keep], updates[p], manifold)
    return updates


def _velocity(gradient, momentum, velocity):
    return velocity
