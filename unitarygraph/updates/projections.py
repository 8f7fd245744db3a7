"""New values projected on their manifolds, after a rule."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable

from unitarygraph.core.layout import plain
from unitarygraph.manifolds import Euclidean, Stiefel, Unitary
from unitarygraph.ops.polar import Polar
from unitarygraph.ops.qr import QR
from unitarygraph.parameter import declared_manifold, manifold_of
from unitarygraph.stacked.typing import Params, Updates
from unitarygraph.updates.base import as_list, label, zeros
from unitarygraph.weights import matrix_shape


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
