"""Parameters, or entries of them, that keep their values whatever the rule."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable

from unitarygraph.core.layout import plain
from unitarygraph.manifolds import Euclidean
from unitarygraph.parameter import manifold_of
from unitarygraph.stacked.typing import Updates
from unitarygraph.stacked.variables import ComplexVariable
from unitarygraph.updates.base import as_list, is_state_of, label


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
