"""Gradient descent with Nesterov's momentum."""

from unitarygraph.updates.momentum import with_velocity


def nesterov_momentum(loss_or_grads, params, learning_rate, momentum=0.9, retraction="qr"):
    r"""Momentum that looks one step ahead, the velocity carried along by the transport T.

    .. math:: m \leftarrow \mu m + \mathrm{grad}, \quad
              x^+ = R_x(-\eta (\mathrm{grad} + \mu m)), \quad m \leftarrow T_{x \to x^+}(m)

    m starts at zero and is remembered as ``<parameter>/nesterov_momentum/velocity``. On parameters
    of flat space this is the SGD of PyTorch with ``nesterov=True``: x stands for the point looked
    ahead to, so that the gradient is taken at the parameter itself. Arguments, result and errors as
    `momentum`. Source: Nesterov (1983); Sutskever et al. (2013); Bengio et al. (2013) for this form.
    """
    return with_velocity(
        "nesterov_momentum", loss_or_grads, params, learning_rate, momentum, retraction, _ahead
    )


def _ahead(gradient, momentum, velocity):
    return gradient + momentum * velocity
