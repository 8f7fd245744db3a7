r"""Gradient descent, momentum, and steps divided by a size of past gradients.

In formulas grad is the Riemannian gradient, R the retraction, T the transport, :math:`\eta` the rate.
"""

import pytensor.tensor as pt

from unitarygraph.manifolds import Euclidean
from unitarygraph.stacked.typing import LossOrGrads, Params, Scalar, Updates
from unitarygraph.updates.base import descend


def sgd(
    loss_or_grads: LossOrGrads, params: Params, learning_rate: Scalar, *, retraction: str = "qr"
) -> Updates:
    r"""Riemannian gradient descent, :math:`x \leftarrow R_x(-\eta\,\mathrm{grad})`.

    grad is the Euclidean gradient projected on the tangent space; on parameters of flat space the
    rule is plain SGD.

    Parameters
    ----------
    loss_or_grads : symbolic scalar, or one gradient a parameter, stacked or complex
    params : shared variables, from `unitarygraph.parameter` or `pytensor.shared`, or one
    learning_rate : float or symbolic scalar; cast to each parameter's dtype
    retraction : "qr", "polar", "cayley" or "exp", in whose place a manifold without it takes its own
        best one; another name of ``manifold.retractions``; a function that ``manifold.retr`` takes;
        None for the manifold's own

    Returns
    -------
    dict
        {parameter: new value}, for ``pytensor.function(updates=...)``; the values are stacked tensors

    Raises
    ------
    ValueError
        for a parameter given twice, gradients that do not match, an unknown retraction, or an
        update that would not depend on its parameter or its gradient
    TypeError
        for params that are not shared variables of floats

    Source: Absil, Mahony, Sepulchre (2008), section 4.2.
    """

    def step(at):
        return at.retr(-at.rate * at.gradient, retraction)

    return descend("sgd", step, loss_or_grads, params, learning_rate)


def momentum(
    loss_or_grads: LossOrGrads,
    params: Params,
    learning_rate: Scalar,
    *,
    momentum: Scalar = 0.9,
    retraction: str = "qr",
) -> Updates:
    r"""Heavy ball, the velocity carried along by the manifold's transport T.

    .. math:: m \leftarrow \mu m + \mathrm{grad}, \quad x^+ = R_x(-\eta m), \quad
              m \leftarrow T_{x \to x^+}(m)

    m starts at zero and is remembered as ``<parameter>/momentum/velocity``. On parameters of flat
    space this is the SGD of PyTorch with momentum. Arguments, result and errors as `sgd`; the
    momentum coefficient is a float or a symbolic scalar. Source: Polyak (1964).
    """

    def step(at):
        mu, velocity = at.number(momentum, "momentum"), at.zeros("velocity")
        m = at.transport(velocity, mu * velocity + at.gradient)
        return at.retr(-at.rate * m, retraction)

    return descend("momentum", step, loss_or_grads, params, learning_rate)


def nesterov_momentum(
    loss_or_grads: LossOrGrads,
    params: Params,
    learning_rate: Scalar,
    *,
    momentum: Scalar = 0.9,
    retraction: str = "qr",
) -> Updates:
    r"""Momentum that looks one step ahead, the velocity carried along by the transport T.

    .. math:: m \leftarrow \mu m + \mathrm{grad}, \quad
              x^+ = R_x(-\eta (\mathrm{grad} + \mu m)), \quad m \leftarrow T_{x \to x^+}(m)

    m starts at zero and is remembered as ``<parameter>/nesterov_momentum/velocity``. On parameters
    of flat space this is the SGD of PyTorch with ``nesterov=True``: x stands for the point looked
    ahead to, so that the gradient is taken at the parameter itself. Arguments, result and errors as
    `momentum`. Source: Nesterov (1983); Sutskever et al. (2013); Bengio et al. (2013) for this form.
    """

    def step(at):
        mu, velocity = at.number(momentum, "momentum"), at.zeros("velocity")
        m = at.transport(velocity, mu * velocity + at.gradient)
        return at.retr(-at.rate * (at.gradient + mu * m), retraction)

    return descend("nesterov_momentum", step, loss_or_grads, params, learning_rate)


def adagrad(
    loss_or_grads: LossOrGrads,
    params: Params,
    learning_rate: Scalar,
    *,
    epsilon: Scalar = 1e-10,
    retraction: str = "qr",
) -> Updates:
    r"""Steps divided by the root of the sum of all squared gradients so far.

    .. math:: v \leftarrow v + s(\mathrm{grad}), \quad
              x \leftarrow R_x(-\eta\,\mathrm{grad} / (\sqrt v + \epsilon))

    In flat space s is the elementwise square, as in PyTorch; on other manifolds the manifold's
    ``mean_square``, as in `rmsprop`. v starts at zero and is remembered as
    ``<parameter>/adagrad/sum``. The usual rate is 0.01. Arguments, result and errors as `sgd`.
    Source: Duchi, Hazan, Singer (2011); Becigneul and Ganea (2019) for manifolds.
    """

    def step(at):
        total, gradient = at.zeros_of_mean_square("sum"), at.gradient_or_zero
        v = at.remember(total, total + at.mean_square(gradient))
        size = pt.sqrt(v) + at.number(epsilon, "epsilon")
        return at.retr(-at.rate * gradient / size, retraction)

    return descend("adagrad", step, loss_or_grads, params, learning_rate)


def rmsprop(
    loss_or_grads: LossOrGrads,
    params: Params,
    learning_rate: Scalar,
    *,
    rho: Scalar = 0.99,
    epsilon: Scalar = 1e-8,
    retraction: str = "qr",
) -> Updates:
    r"""Steps divided by a running root mean square of the gradient.

    .. math:: v \leftarrow \rho v + (1 - \rho)\,s(\mathrm{grad}), \quad
              x \leftarrow R_x(-\eta\,\mathrm{grad} / (\sqrt v + \epsilon))

    In flat space s is the elementwise square: PyTorch's form, with :math:`\epsilon` outside the
    root. On other manifolds :math:`s(u) = |u|^2 / \mathrm{dim}`, one number a matrix, so that the
    direction stays tangent. v starts at zero and is remembered as
    ``<parameter>/rmsprop/mean_square``. Arguments, result and errors as `sgd`.
    Source: Tieleman and Hinton (2012).
    """

    def step(at):
        keep, mean = at.number(rho, "rho"), at.zeros_of_mean_square("mean_square")
        gradient = at.gradient_or_zero
        v = at.remember(mean, keep * mean + (1 - keep) * at.mean_square(gradient))
        size = pt.sqrt(v) + at.number(epsilon, "epsilon")
        return at.retr(-at.rate * gradient / size, retraction)

    return descend("rmsprop", step, loss_or_grads, params, learning_rate)


def adadelta(
    loss_or_grads: LossOrGrads,
    params: Params,
    learning_rate: Scalar,
    *,
    rho: Scalar = 0.9,
    epsilon: Scalar = 1e-6,
    retraction: str = "qr",
) -> Updates:
    r"""Steps as long as the past ones were, in units of the gradients that led to them.

    .. math:: v \leftarrow \rho v + (1 - \rho)\,s(\mathrm{grad}), \quad
              u = \frac{\sqrt{w + \epsilon}}{\sqrt{v + \epsilon}}\,\mathrm{grad}, \quad
              w \leftarrow \rho w + (1 - \rho)\,s(u), \quad x \leftarrow R_x(-\eta u)

    In flat space s is the elementwise square, as in PyTorch; on other manifolds the manifold's
    ``mean_square``, as in `rmsprop`: both roots are then numbers, and u is tangent. v and w start at
    zero and are remembered as ``<parameter>/adadelta/mean_square`` and ``mean_square_step``. The
    published rule has the rate 1. Arguments, result and errors as `sgd`.
    Source: Zeiler (2012), algorithm 1.
    """

    def step(at):
        keep, small = at.number(rho, "rho"), at.number(epsilon, "epsilon")
        mean = at.zeros_of_mean_square("mean_square")
        mean_step = at.zeros_of_mean_square("mean_square_step")
        gradient = at.gradient_or_zero
        v = at.remember(mean, keep * mean + (1 - keep) * at.mean_square(gradient))
        u = pt.sqrt(mean_step + small) / pt.sqrt(v + small) * gradient
        at.remember(mean_step, keep * mean_step + (1 - keep) * at.mean_square(u))
        return at.retr(-at.rate * u, retraction)

    return descend("adadelta", step, loss_or_grads, params, learning_rate)


def lion(
    loss_or_grads: LossOrGrads,
    params: Params,
    learning_rate: Scalar,
    *,
    beta1: Scalar = 0.9,
    beta2: Scalar = 0.99,
    retraction: str = "qr",
) -> Updates:
    r"""Steps of constant size along a mean of gradient and momentum.

    .. math:: c = \beta_1 m + (1 - \beta_1)\,\mathrm{grad}, \quad
              x^+ = R_x(-\eta\,\mathrm{sign}(c)), \quad
              m \leftarrow T_{x \to x^+}(\beta_2 m + (1 - \beta_2)\,\mathrm{grad})

    In flat space sign is taken elementwise. A matrix of signs is no tangent of a curved manifold;
    there :math:`\mathrm{sign}(c) = c / \sqrt{s(c)}` with s the manifold's ``mean_square``, which is
    the elementwise sign where s is the elementwise square, and zero at c = 0: a step of constant
    length, an extension of this library. m starts at zero and is remembered as
    ``<parameter>/lion/momentum``. For the published weight decay put the result into
    `decoupled_decay`; the usual rate is 1e-4. Arguments, result and errors as `sgd`.
    Source: Chen et al. (2023), algorithm 2.
    """

    def step(at):
        keep1, keep2 = at.number(beta1, "beta1"), at.number(beta2, "beta2")
        mean, gradient = at.zeros("momentum"), at.gradient_or_zero
        at.transport(mean, keep2 * mean + (1 - keep2) * gradient)
        direction = sign(at, keep1 * mean + (1 - keep1) * gradient)
        return at.retr(-at.rate * direction, retraction)

    return descend("lion", step, loss_or_grads, params, learning_rate)


def sign(at, u):
    """Elementwise sign in flat space; elsewhere u over the root of its ``mean_square``, zero at zero."""
    if type(at.manifold) is Euclidean:
        return pt.sign(u)
    size = pt.sqrt(at.mean_square(u))
    return u / pt.switch(pt.gt(size, 0), size, pt.ones_like(size))
