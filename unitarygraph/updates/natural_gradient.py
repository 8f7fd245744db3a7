"""The natural gradient of full-capacity unitary networks, as it should be and as it was published."""

from typing import Any

import pytensor
import pytensor.tensor as pt
from pytensor.graph.basic import Variable
from pytensor.graph.traversal import ancestors

from unitarygraph.core.layout import plain, storage
from unitarygraph.manifolds import Unitary
from unitarygraph.parameter import manifold_of
from unitarygraph.stacked.typing import LossOrGrads, Params, Scalar, Updates, Value
from unitarygraph.updates.base import as_list, descend, label, serves


@serves(Unitary, companion="rmsprop")
def natural_gradient(
    loss_or_grads: LossOrGrads,
    params: Params,
    learning_rate: Scalar,
    *,
    rms: bool = False,
    as_published: bool = False,
    rho: Scalar = 0.9,
    epsilon: Scalar = 1e-8,
) -> Updates:
    r"""Cayley steps of unitary matrices along :math:`A = G W^H - W G^H`.

    .. math:: W^+ = \left(I + \tfrac{\lambda}{2} A\right)^{-1}
              \left(I - \tfrac{\lambda}{2} A\right) W, \quad \lambda = \eta / 2

    To first order :math:`W^+ = W - 2 \lambda\,\mathrm{grad}`: with :math:`\lambda = \eta / 2` the step
    is the learning rate times the Riemannian gradient, and the rule is `sgd` with the Cayley
    retraction. With ``rms`` G is first divided elementwise by its root mean square,

    .. math:: v \leftarrow \rho v + (1 - \rho)\,G^2, \quad G \leftarrow G / (\sqrt v + \epsilon),

    real and imaginary parts apart, and projected then: the direction is tangent, but no longer
    independent of the basis as that of `rmsprop` is. v starts at zero and is remembered as
    ``<parameter>/natural_gradient/mean_square``.

    ``as_published`` is what the paper's figures come from. Its step length is twice as long,
    :math:`\lambda = \eta`. Its gradient is the upper half :math:`G_{11} + i G_{12}` of that of the
    matrix :math:`[[X, Y], [-Y, X]]`, W = X + iY, taken for free, in place of
    :math:`G_{11} + G_{22} + i (G_{12} - G_{21})`. It exists where a model is written with that
    matrix: use ``augmented(W)`` in the model's graph, or give the gradients ``(2n, 2n)`` of such
    matrices. A loss that does not see W through `augmented`, or a gradient of W's shape, is used
    whole.

    Arguments, result and errors as `sgd`; ValueError for a parameter that is not on `Unitary`.
    Source: Wisdom et al. (2016), and their code for the gradient.
    """
    params = as_list(params)
    for p in params:
        if not isinstance(manifold_of(p), Unitary):
            raise ValueError(
                f"natural_gradient: params must be on Unitary, got {label(p)} on {manifold_of(p)}; "
                "give the others to a rule of their own and merge the updates with |"
            )
    if as_published:
        loss_or_grads = _published_gradients(loss_or_grads, params)

    def step(at):
        keep, direction = at.number(rho, "rho"), at.g
        if rms:
            mean = at.zeros("mean_square")
            v = at.remember(mean, keep * mean + (1 - keep) * pt.square(at.g))
            direction = at.g / (pt.sqrt(v) + at.number(epsilon, "epsilon"))
        rate = 2 * at.rate if as_published else at.rate
        return at.retr(-rate * at.manifold.egrad2rgrad(at.x, direction), "cayley")

    return descend("natural_gradient", step, loss_or_grads, params, learning_rate)


def augmented(W: Value) -> Any:
    r"""The real matrix :math:`[[X, Y], [-Y, X]]` of W = X + iY, ``(2, n, n) -> (2n, 2n)``.

    It acts on rows [Re h, Im h] as W does on rows h. W is complex, or stacked; the result is real.
    Raises ValueError for another shape.
    """
    # The variable itself, not its storage: gradients look for the parameter that it was.
    W = W if isinstance(W, Variable) else pt.as_tensor_variable(storage(W))
    if W.type.ndim != 3 or W.type.shape[0] not in (2, None):
        raise ValueError(f"augmented: W must be (2, n, n), got shape {W.type.shape}")
    x, y = plain(W)[0], plain(W)[1]
    upper, lower = pt.concatenate([x, y], axis=1), pt.concatenate([-y, x], axis=1)
    matrix = pt.concatenate([upper, lower], axis=0)
    matrix.tag.augmented_of = W
    return matrix


def _published_gradients(loss_or_grads, params):
    if not isinstance(loss_or_grads, Variable):
        grads = [pt.as_tensor_variable(storage(g)) for g in loss_or_grads]
        if len(grads) != len(params):
            return grads
        return [
            _upper_half(g) if g.type.ndim == 2 and p.type.ndim == 3 else g
            for p, g in zip(params, grads, strict=True)
        ]
    known = [v for v in ancestors([loss_or_grads]) if hasattr(v.tag, "augmented_of")]
    grads = []
    for p in params:
        seen = [v for v in known if v.tag.augmented_of is p]
        parts = [_upper_half(g) for g in pytensor.grad(loss_or_grads, seen)] if seen else []
        grads.append(sum(parts[1:], parts[0]) if parts else pytensor.grad(loss_or_grads, p))
    return grads


def _upper_half(g):
    n = g.shape[0] // 2
    return pt.stack([g[:n, :n], g[:n, n:]])
