"""Gradients kept in bounds before a rule sees them."""

import numpy as np
import pytensor.tensor as pt

from unitarygraph.fields import algebra


def total_norm_constraint(grads, max_norm, epsilon=1e-7, return_norm=False):
    r"""Scale all gradients by one number so that their joint norm is at most ``max_norm``.

    .. math:: g_i \leftarrow g_i \frac{\min(N, max)}{N + \epsilon}, \quad
              N = \sqrt{\sum_i |g_i|^2}

    The direction stays as it is, in flat space and on manifolds. Dtypes are kept; N is free of
    overflow. Returns the list, with ``return_norm`` also N. Raises ValueError for an empty list.
    Source: Pascanu, Mikolov, Bengio (2013).
    """
    grads = [pt.as_tensor_variable(g) for g in grads]
    if not grads:
        raise ValueError("total_norm_constraint: grads must not be empty")
    norms = [algebra("real").norm(g.reshape((1, -1))) for g in grads]
    norm = algebra("real").norm(pt.stack(norms)[None, :])
    scale = pt.minimum(norm, max_norm) / (norm + epsilon)
    scaled = [g * scale.astype(g.type.dtype) for g in grads]
    return (scaled, norm) if return_norm else scaled


def clip(grads, limit):
    """Clip every entry of the gradients to [-limit, limit], real and imaginary planes apart.

    It changes directions, and on stacked tensors depends on the phase; Arjovsky, Shah and Bengio
    (2016) used it with limit 1. Prefer `total_norm_constraint`.
    """
    grads = [pt.as_tensor_variable(g) for g in grads]
    bounds = [np.asarray(limit, g.type.dtype) for g in grads]
    return [pt.clip(g, -bound, bound) for g, bound in zip(grads, bounds, strict=True)]
