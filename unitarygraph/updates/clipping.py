"""Gradients clipped before a rule sees them.

Gradients may be stacked or complex; a complex one comes back complex.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytensor.tensor as pt

from unitarygraph.core.layout import is_complex, storage
from unitarygraph.stacked.algebra import algebra
from unitarygraph.stacked.typing import Scalar
from unitarygraph.stacked.variables import mark


def total_norm_constraint(
    grads: Iterable[Any], max_norm: Scalar, epsilon: float = 1e-7, return_norm: bool = False
) -> Any:
    r"""Scale all gradients by one number so that their joint norm is at most ``max_norm``.

    .. math:: g_i \leftarrow g_i \frac{\min(N, max)}{N + \epsilon}, \quad
              N = \sqrt{\sum_i |g_i|^2}

    The direction stays as it is, in flat space and on manifolds. Dtypes are kept; N is free of
    overflow. Returns the list, with ``return_norm`` also N. Raises ValueError for an empty list.
    Source: Pascanu, Mikolov, Bengio (2013).
    """
    given = list(grads)
    if not given:
        raise ValueError("total_norm_constraint: grads must not be empty")
    grads = [stored_gradient(g) for g in given]
    norms = [algebra("real").norm(g.reshape((1, -1))) for g in grads]
    norm = algebra("real").norm(pt.stack(norms)[None, :])
    scale = pt.minimum(norm, max_norm) / (norm + epsilon)
    scaled = as_given(given, [g * scale.astype(g.type.dtype) for g in grads])
    return (scaled, norm) if return_norm else scaled


def row_norm_constraint(
    grads: Iterable[Any], max_norm: Scalar, axes: int | tuple[int, ...] = -1
) -> list[Any]:
    r"""Scale every row of each gradient by a number of its own so that its norm is at most max_norm.

    .. math:: g_j \leftarrow g_j \min(1, max / |g_j|)

    ``axes``: the axis or axes along which one row runs, by default the last; of stacked complex
    matrices ``(..., 2, m, n)`` rows are (-3, -1) and columns (-3, -2), of complex variables too,
    whose storage is meant. ``max_norm`` is a float or a symbolic scalar. Directions of rows stay as
    they are, the direction of the gradient does not. Dtypes are kept; norms are free of overflow.
    Raises ValueError for a gradient without such axes.
    Source: Cho and Lee (2017), who clip the gradient of each unit on its own.
    """
    axes = axes if isinstance(axes, tuple) else (axes,)
    given = list(grads)
    grads = [stored_gradient(g) for g in given]
    for g in grads:
        if any(not -g.type.ndim <= axis < g.type.ndim for axis in axes):
            raise ValueError(
                f"row_norm_constraint: axes {axes} need gradients that have them, "
                f"got shape {g.type.shape}"
            )
    return as_given(given, [shortened(g, lengths(g, axes), max_norm) for g in grads])


def clip(grads: Iterable[Any], limit: float) -> list[Any]:
    """Clip every entry of the gradients to [-limit, limit], real and imaginary planes apart.

    It changes directions, and on stacked tensors depends on the phase; Arjovsky, Shah and Bengio
    (2016) used it with limit 1. Prefer `total_norm_constraint`.
    """
    given = list(grads)
    grads = [stored_gradient(g) for g in given]
    bounds = [np.asarray(limit, g.type.dtype) for g in grads]
    clipped = [pt.clip(g, -bound, bound) for g, bound in zip(grads, bounds, strict=True)]
    return as_given(given, clipped)


def lengths(g, axes):
    """Norm along some axes, which are kept with length 1; free of overflow."""
    largest = pt.abs(g).max(axis=axes, keepdims=True)
    safe = pt.switch(pt.gt(largest, 0), largest, pt.ones_like(largest))
    return safe * pt.sqrt(pt.square(g / safe).sum(axis=axes, keepdims=True))


def shortened(g, norms, limit):
    """Gradients g of the given norms, at most ``limit`` long."""
    limit = pt.as_tensor_variable(limit).astype(g.type.dtype)
    return g * pt.switch(pt.gt(norms, limit), limit / norms, pt.ones_like(norms))


def stored_gradient(g):
    """The stacked tensor of a gradient."""
    return pt.as_tensor_variable(storage(g))


def as_given(given, grads):
    """Stacked gradients, those complex that were given so."""
    return [mark(g) if is_complex(a) else g for a, g in zip(given, grads, strict=True)]
