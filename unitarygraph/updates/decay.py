r"""Weight decay, before a rule or after it.

Decay pulls x along -x. On flat parameters, and on Hermitian and skew-Hermitian matrices, that is a
direction like others. On manifolds of points of constant norm (unitary, Stiefel, sphere, oblique)
x is normal to the tangent space, and the decay pulls a point nowhere; on other curved manifolds it
is no notion of theirs. So parameters of curved manifolds are left as they are.
"""

from collections.abc import Mapping
from typing import Any

from pytensor.compile.sharedvalue import SharedVariable
from pytensor.tensor.variable import TensorVariable

from unitarygraph.core.layout import plain
from unitarygraph.manifolds import Euclidean
from unitarygraph.parameter import manifold_of
from unitarygraph.stacked.typing import LossOrGrads, Params, Scalar, Updates
from unitarygraph.updates.base import as_list, gradients, label, scalar


def l2_decay(
    loss_or_grads: LossOrGrads, params: Params, weight_decay: Scalar
) -> list[TensorVariable]:
    r"""Gradients with :math:`\lambda x` added, those of the loss plus :math:`\lambda |x|^2 / 2`.

    Returns one stacked gradient a parameter, to be given to a rule in the loss's place:
    ``sgd(l2_decay(loss, params, 5e-4), params, 0.1)``. Flat parameters only, see the module.
    Errors as `sgd`. Source: Krogh and Hertz (1991).
    """
    return [
        g + scalar(weight_decay, p, "weight_decay") * plain(p) if decays(p) else g
        for p, g in gradients(loss_or_grads, params)
    ]


def decoupled_decay(
    updates: Mapping[SharedVariable, Any],
    params: Params,
    learning_rate: Scalar,
    weight_decay: Scalar,
) -> Updates:
    r"""Updates in which flat parameters shrink by :math:`\eta \lambda x` besides.

    ``decoupled_decay(lion(loss, params, 1e-4), params, 1e-4, 0.1)``. Returns a new dictionary.
    Raises ValueError for a parameter that ``updates`` has no value for. Flat parameters only, see
    the module. Source: Loshchilov and Hutter (2019).
    """
    decayed = dict(updates)
    for p in as_list(params):
        if p not in updates:
            raise ValueError(f"decoupled_decay: updates has no value for the parameter {label(p)}")
        if decays(p):
            rate = scalar(learning_rate, p, "learning_rate")
            shrink = rate * scalar(weight_decay, p, "weight_decay") * plain(p)
            decayed[p] = plain(updates[p]) - shrink
    return decayed


def decays(p):
    """Whether weight decay moves the parameter: in flat space and in linear spaces of matrices."""
    return isinstance(manifold_of(p), Euclidean)
