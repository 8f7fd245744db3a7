r"""What stands around a rule: clipped gradients and decay before it, masks and projections after it.

Decay pulls x along -x. On flat parameters, and on Hermitian and skew-Hermitian matrices, that is a
direction like others. On manifolds of points of constant norm (unitary, Stiefel, sphere, oblique)
x is normal to the tangent space, and the decay pulls a point nowhere; on other curved manifolds it
is no notion of theirs. So parameters of curved manifolds are left as they are.

Gradients may be stacked or complex; a complex one comes back complex. New values are stacked.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from unitarygraph.core.layout import is_complex, plain, storage
from unitarygraph.manifolds import Euclidean, Stiefel, Unitary
from unitarygraph.ops.polar import Polar
from unitarygraph.ops.qr import QR
from unitarygraph.parameter import declared_manifold, manifold_of
from unitarygraph.stacked.algebra import algebra
from unitarygraph.stacked.typing import LossOrGrads, Params, Scalar, Updates
from unitarygraph.stacked.variables import ComplexVariable, mark
from unitarygraph.updates.base import as_list, gradients, is_state_of, label, scalar, zeros
from unitarygraph.weights import matrix_shape

# Clipping.


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


# Decay.


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


# Masks.


def freeze(updates: Mapping[SharedVariable, Any], masks: Any) -> Updates:
    """Updates in which masked parameters, or entries, keep their values, whatever the rule.

    ``masks`` is {parameter: mask}, or a list of parameters, or one, that stay whole.

    A mask is True (the parameter stays, and what the rule remembers about it is no longer updated),
    False, a symbolic boolean scalar such as ``step < 100``, or for flat parameters a boolean array
    or tensor that broadcasts against them, True where an entry stays:
    ``freeze(adam(loss, params, 1e-3), {W: True, b: np.arange(5) < 2})``. A mask of a complex
    parameter is one of its complex entries, or has the axes of its storage. `freeze` goes last,
    after weight decay. Returns a new dictionary.

    Raises ValueError for a parameter that ``updates`` has no value for, for a mask of entries on a
    manifold other than flat space, or of a shape that does not broadcast; TypeError for a mask that
    is not boolean.
    """
    frozen = dict(updates)
    if not isinstance(masks, Mapping):
        masks = dict.fromkeys(as_list(masks), True)
    for p, given in masks.items():
        if p not in updates:
            raise ValueError(f"freeze: updates has no value for the parameter {label(p)}")
        mask = _mask(p, given)
        if isinstance(mask, pt.TensorVariable):
            frozen[p] = pt.switch(mask, plain(p), plain(frozen[p]))
        elif mask:
            frozen = {v: new for v, new in frozen.items() if v is not p and not is_state_of(v, p)}
    return frozen


def _mask(p, given):
    """A bool, or a symbolic tensor of booleans."""
    mask = given if isinstance(given, Variable) else pt.as_tensor_variable(np.asarray(given))
    if mask.type.dtype != "bool":
        raise TypeError(f"freeze: the mask of {label(p)} must be boolean, got {mask.type.dtype}")
    manifold = manifold_of(p)
    if mask.type.ndim and type(manifold) is not Euclidean:
        raise ValueError(
            f"freeze: the mask of {label(p)} on {manifold} must be a single boolean, "
            f"got shape {mask.type.shape}: entries can be frozen in flat space only"
        )
    if isinstance(p, ComplexVariable) and 2 < mask.type.ndim < p.type.ndim:
        mask = pt.expand_dims(mask, -3)
    pairs = zip(mask.type.shape[::-1], p.type.shape[::-1], strict=False)
    if mask.type.ndim > p.type.ndim or any(a not in (None, 1, b) for a, b in pairs):
        raise ValueError(
            f"freeze: the mask of {label(p)} must broadcast against its shape {p.type.shape}, "
            f"got shape {mask.type.shape}"
        )
    symbolic = mask.type.ndim or not isinstance(mask, pt.TensorConstant)
    return mask if symbolic else bool(np.asarray(mask.data))


# Projections.


def project_after(
    updates: Mapping[SharedVariable, Any],
    *,
    every: int = 1,
    kind: str = "polar",
    params: Params | None = None,
) -> Updates:
    r"""Updates whose new values are projected on their manifolds, every so many steps.

    Parameters
    ----------
    updates : dict of a rule, or of several merged with ``|``; it is left as it is
    every : int, at least 1; a counter ``<first parameter>/project_after/step`` starts at zero, and the
        steps every, 2 every, ... are projected
    kind : "polar", the nearest point (`Manifold.nearest`), or "qr", the orthonormal factor of the QR
        decomposition, for `Unitary` and `Stiefel` and for flat parameters
    params : the shared variables to project; by default all of ``updates`` that are on a manifold.
        Flat ones of two and more axes are projected too when they are named here: flattened to
        (first axis, the rest), replaced by the matrix with orthonormal columns, or rows where these
        are fewer, and given their shape back. Stacked ones on ``Euclidean("complex")`` are one matrix

    Returns a dict of updates; a parameter that ``updates`` does not have is projected as it stands.

    The choice is a ``pt.switch``, which runs in every mode; `ifelse` does not on PyTorch and is not
    lazy on NUMBA. Projections are therefore computed in every step, and ``every`` says when they
    count. Where their cost matters, compile ``project_after({}, params=[W])`` as a function of its
    own and call it every so many steps.

    Raises ValueError for another kind or every, for parameters that cannot be projected and when there
    is nothing to project. Source: Higham (2008), chapter 8; "torchogonal" for flat parameters.

    >>> import unitarygraph as ug
    >>> U = ug.manifolds.Unitary()
    >>> W = ug.parameter(U.random_point(3, rng=0), U, name="W")
    >>> [p.name for p in project_after({}, params=[W])]
    ['W']
    """
    if kind not in PROJECTIONS:
        names = ", ".join(map(repr, PROJECTIONS))
        raise ValueError(f"project_after: kind must be one of {names}, got {kind!r}")
    if not isinstance(every, int | np.integer) or every < 1:
        raise ValueError(f"project_after: every must be a positive integer, got {every!r}")
    if params is None:
        # Not by `manifold_of`, which refuses what rules remember about square matrices.
        manifolds = {p: declared_manifold(p) for p in updates}
        params = [p for p, m in manifolds.items() if m is not None and not isinstance(m, Euclidean)]
    params = as_list(params)
    if not params:
        raise ValueError(
            "project_after: no parameter of updates is on a manifold; name flat ones in params"
        )
    projected = dict(updates)
    for p in params:
        projected[p] = _projection(p, plain(updates.get(p, p)), kind)
    if every > 1:
        step = zeros(params[0], "project_after", "step", (), "int64")
        due = pt.eq(step + 1, every)
        projected[step] = pt.switch(due, pt.zeros_like(step), step + 1)
        for p in params:
            projected[p] = pt.switch(due, projected[p], plain(updates.get(p, p)))
    return projected


PROJECTIONS = {"polar": Polar, "qr": QR}


def _projection(p, new, kind):
    manifold = manifold_of(p)
    if type(manifold) is Euclidean:
        return _orthonormal(p, new, manifold.field, kind)
    if kind == "polar":
        return manifold.nearest(new)
    if type(manifold) not in (Unitary, Stiefel):
        raise ValueError(
            f"project_after: kind 'qr' projects on Unitary and Stiefel, {label(p)} is on {manifold}; "
            "take 'polar', the nearest point"
        )
    return QR(manifold.field)(new)[0]


def _orthonormal(p, new, field, kind):
    """Orthonormal columns or rows of a flat value, in its own shape."""
    shape = p.type.shape
    if len(shape) < 2 or (field == "complex" and (len(shape) != 3 or shape[0] != 2)):
        expected = "(2, m, n)" if field == "complex" else "two or more axes"
        raise ValueError(f"project_after: {label(p)} must have {expected}, got shape {shape}")
    flat = shape if field == "complex" else matrix_shape(shape)
    matrix = new.reshape(flat)
    hconj = manifold_of(p).matrices.hconj
    wide = flat[-2] < flat[-1]
    factor = PROJECTIONS[kind](field)(hconj(matrix) if wide else matrix)[0]
    return (hconj(factor) if wide else factor).reshape(shape)
