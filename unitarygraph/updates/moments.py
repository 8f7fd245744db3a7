"""Adam and its kin: steps along the first moment of the gradients over the root of their second."""

import pytensor.tensor as pt

from unitarygraph.stacked.typing import LossOrGrads, Params, Scalar, Updates
from unitarygraph.updates.base import as_list, descend
from unitarygraph.updates.decay import decoupled_decay


def adam(
    loss_or_grads: LossOrGrads,
    params: Params,
    learning_rate: Scalar,
    *,
    beta1: Scalar = 0.9,
    beta2: Scalar = 0.999,
    epsilon: Scalar = 1e-8,
    retraction: str = "qr",
) -> Updates:
    r"""Adam, the first moment carried along by the manifold's transport T.

    .. math:: m \leftarrow \beta_1 m + (1 - \beta_1)\,\mathrm{grad}, \quad
              v \leftarrow \beta_2 v + (1 - \beta_2)\,s(\mathrm{grad})

    .. math:: x^+ = R_x\left(-\eta\,\frac{m / (1 - \beta_1^t)}
              {\sqrt{v / (1 - \beta_2^t)} + \epsilon}\right), \quad m \leftarrow T_{x \to x^+}(m)

    In flat space s is the elementwise square; on other manifolds :math:`|u|^2/\mathrm{dim}`, one
    number a matrix, as in `rmsprop`. The state is remembered as ``<parameter>/adam/`` ``first``,
    ``second`` and ``step``. The usual rate is 1e-3. Arguments, result and errors as `sgd`.
    Source: Kingma and Ba (2015), algorithm 1; Becigneul and Ganea (2019) for manifolds.
    """

    def size(at, keep, time):
        return pt.sqrt(second_moment(at, keep) / (1 - keep**time)) + at.number(epsilon, "epsilon")

    step = first_moment_over(size, beta1, beta2, retraction)
    return descend("adam", step, loss_or_grads, params, learning_rate)


def amsgrad(
    loss_or_grads: LossOrGrads,
    params: Params,
    learning_rate: Scalar,
    *,
    beta1: Scalar = 0.9,
    beta2: Scalar = 0.999,
    epsilon: Scalar = 1e-8,
    retraction: str = "qr",
) -> Updates:
    r"""Adam with a second moment that never shrinks.

    .. math:: w \leftarrow \max(w, v), \quad x^+ = R_x\left(-\eta\,\frac{m / (1 - \beta_1^t)}
              {\sqrt{w / (1 - \beta_2^t)} + \epsilon}\right)

    m and v as in `adam`. The correction of w for its start is that of PyTorch's
    ``Adam(amsgrad=True)``; the paper has none. The state is remembered as ``<parameter>/amsgrad/``
    ``first``, ``second``, ``largest`` and ``step``. Arguments, result and errors as `adam`.
    Source: Reddi, Kale, Kumar (2018), algorithm 2; Becigneul and Ganea (2019) for manifolds.
    """

    def size(at, keep, time):
        v = second_moment(at, keep)
        largest = at.zeros_of_mean_square("largest")
        w = at.remember(largest, pt.maximum(largest, v))
        return pt.sqrt(w / (1 - keep**time)) + at.number(epsilon, "epsilon")

    step = first_moment_over(size, beta1, beta2, retraction)
    return descend("amsgrad", step, loss_or_grads, params, learning_rate)


def adamax(
    loss_or_grads: LossOrGrads,
    params: Params,
    learning_rate: Scalar,
    *,
    beta1: Scalar = 0.9,
    beta2: Scalar = 0.999,
    epsilon: Scalar = 1e-8,
    retraction: str = "qr",
) -> Updates:
    r"""Adam with a fading maximum of the gradients' sizes in place of their root mean square.

    .. math:: w \leftarrow \max(\beta_2 w, \sqrt{s(\mathrm{grad})} + \epsilon), \quad
              x^+ = R_x\left(-\eta\,\frac{m / (1 - \beta_1^t)}{w}\right)

    m and s as in `adam`; :math:`\epsilon` stands where PyTorch has it. The state is remembered as
    ``<parameter>/adamax/`` ``first``, ``largest`` and ``step``. The usual rate is 2e-3. Arguments,
    result and errors as `adam`. Source: Kingma and Ba (2015), algorithm 2.
    """

    def size(at, keep, time):
        largest = at.zeros_of_mean_square("largest")
        now = pt.sqrt(at.mean_square(at.gradient_or_zero)) + at.number(epsilon, "epsilon")
        return at.remember(largest, pt.maximum(keep * largest, now))

    step = first_moment_over(size, beta1, beta2, retraction)
    return descend("adamax", step, loss_or_grads, params, learning_rate)


def adamw(
    loss_or_grads: LossOrGrads,
    params: Params,
    learning_rate: Scalar,
    *,
    beta1: Scalar = 0.9,
    beta2: Scalar = 0.999,
    epsilon: Scalar = 1e-8,
    weight_decay: Scalar = 1e-2,
    retraction: str = "qr",
) -> Updates:
    r"""`adam`, and flat parameters shrink by :math:`\eta \lambda x` besides, past its moments.

    .. math:: x^+ = \mathrm{adam}(x) - \eta \lambda x

    Parameters of curved manifolds do not decay, see `decoupled_decay`. The state is Adam's.
    Arguments, result and errors as `adam`; :math:`\lambda` is a float or a symbolic scalar.
    Source: Loshchilov and Hutter (2019), algorithm 2; this form, PyTorch.
    """
    params = as_list(params)
    updates = adam(
        loss_or_grads,
        params,
        learning_rate,
        beta1=beta1,
        beta2=beta2,
        epsilon=epsilon,
        retraction=retraction,
    )
    return decoupled_decay(updates, params, learning_rate, weight_decay)


def first_moment_over(size, beta1, beta2, retraction):
    """Step along the first moment, corrected for its start, over a size.

    ``size(at, beta2, t)`` gives the divisor, which broadcasts against x, and notes its own state.
    """

    def step(at):
        keep1, keep2 = at.number(beta1, "beta1"), at.number(beta2, "beta2")
        first, count = at.zeros("first"), at.counter()
        m = at.transport(first, keep1 * first + (1 - keep1) * at.gradient_or_zero)
        time = at.remember(count, count + 1).astype(at.x.type.dtype)
        direction = -at.rate / (1 - keep1**time) * m / size(at, keep2, time)
        return at.retr(direction, retraction)

    return step


def second_moment(at, keep):
    """Running mean of the gradient's square."""
    second = at.zeros_of_mean_square("second")
    return at.remember(second, keep * second + (1 - keep) * at.mean_square(at.gradient_or_zero))
