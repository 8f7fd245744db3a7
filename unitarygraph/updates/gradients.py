"""From a loss or a list of gradients to pairs (parameter, gradient)."""

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedInputError
from pytensor.graph.basic import Variable

from unitarygraph.core.layout import REAL_DTYPES
from unitarygraph.manifolds import Euclidean, GeneralizedStiefel
from unitarygraph.parameter import manifold_of


def gradients(loss_or_grads, params):
    """Pairs (parameter, its Euclidean gradient in the parameter's dtype).

    ``loss_or_grads`` is a symbolic scalar, or one gradient a parameter; one shared variable is a list of
    one. Raises TypeError for params
    that are not shared variables of floats; ValueError for a parameter given twice, a loss that is
    not a scalar, another number of gradients than parameters or a gradient of another shape; and
    `pytensor.gradient.DisconnectedInputError` for a parameter that the loss does not depend on.
    """
    params = as_list(params)
    for p in params:
        manifold_of(p)
        if p.type.dtype not in REAL_DTYPES:
            raise TypeError(f"params: {label(p)} must be float32 or float64, got {p.type.dtype}")
    twice = {label(p) for p in params if sum(p is q for q in params) > 1}
    if twice:
        raise ValueError(f"params: each must be given once, got {', '.join(twice)} more than once")
    if isinstance(loss_or_grads, Variable):
        if loss_or_grads.type.ndim:
            raise ValueError(
                f"loss_or_grads: a loss must be a scalar, got shape {loss_or_grads.type.shape}"
            )
        grads = pytensor.grad(
            loss_or_grads, params, disconnected_inputs="ignore", return_disconnected="none"
        )
        without = [label(p) for p, g in zip(params, grads, strict=True) if g is None]
        if without:
            raise DisconnectedInputError(
                f"params: the loss does not depend on {', '.join(without)}; leave out of params what "
                "the loss does not read, or build the loss from it"
            )
    else:
        grads = [pt.as_tensor_variable(g) for g in loss_or_grads]
        if len(grads) != len(params):
            raise ValueError(
                f"loss_or_grads: expected one gradient for each of {len(params)} params, "
                f"got {len(grads)}"
            )
    return [(p, _conform(p, g)) for p, g in zip(params, grads, strict=True)]


def tangent_gradient(p, g, manifold):
    r"""Riemannian gradient for rules that divide by its size; zero where it is rounding alone.

    A Euclidean gradient normal to the manifold has the gradient zero, of which rounding leaves about
    :math:`\epsilon |g|`. Divided by its own size that would be a step like any other. So what is
    shorter than :math:`2 \sqrt{\mathrm{rows}}\,\epsilon |g|` is taken for zero, each matrix or row
    that has a ``mean_square`` of its own, where the metric is that of the space around.
    """
    gradient = manifold.egrad2rgrad(p, g)
    if isinstance(manifold, Euclidean | GeneralizedStiefel) or not manifold.is_embedded:
        return gradient
    rows = max(p.get_value(borrow=True).shape[-2:])
    rounding = np.asarray(4 * rows * np.finfo(p.type.dtype).eps ** 2, p.type.dtype)
    sizes = [manifold.mean_square(p, u) for u in (gradient, g)]
    is_rounding = pt.lt(sizes[0], rounding * sizes[1])
    return pt.switch(is_rounding, pt.zeros_like(gradient), gradient)


def as_list(params):
    """Parameters as a list; one shared variable is a list of one."""
    return [params] if isinstance(params, Variable) else list(params)


def label(p):
    """Name of a parameter for messages."""
    return p.name or str(p)


def _conform(p, g):
    fits = g.type.ndim == p.type.ndim and all(
        None in (a, b) or a == b for a, b in zip(g.type.shape, p.type.shape, strict=True)
    )
    if not fits:
        raise ValueError(
            f"loss_or_grads: the gradient of {label(p)} must have its shape {p.type.shape}, "
            f"got {g.type.shape}"
        )
    return g if g.type.dtype == p.type.dtype else g.astype(p.type.dtype)
