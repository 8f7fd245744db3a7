"""A rule for each group of a model's parameters."""

from collections.abc import Callable, Mapping

from unitarygraph.module import Module
from unitarygraph.parameter import GROUPS, group_of
from unitarygraph.stacked.typing import LossOrGrads, Params, Scalar, Updates
from unitarygraph.updates.base import gradients, label
from unitarygraph.updates.clipping import total_norm_constraint


def by_group(
    loss_or_grads: LossOrGrads,
    module_or_params: Module | Params,
    rules: Mapping[str, Callable[..., Updates]],
    *,
    clip: Scalar | None = None,
) -> Updates:
    """Updates of all parameters, each by the rule of its group.

    Parameters
    ----------
    loss_or_grads : symbolic scalar, or one gradient a parameter
    module_or_params : a model, layer or parametrization, of which ``.params`` is taken, or a list of
        shared variables, or one. ``parameter(..., group="phase")`` says a parameter's group; those
        of none are "other"
    rules : {group: rule}, each a function of (gradients, parameters) that returns updates, such as
        ``functools.partial(ug.updates.adam, learning_rate=1e-3)``. A group may have no parameters
    clip : the largest norm of all gradients together (`total_norm_constraint`), or None

    Returns
    -------
    dict
        {shared variable: new value}, the rules' updates merged

    Raises
    ------
    ValueError
        for a parameter whose group has no rule, and a group of ``rules`` that is none of "other",
        "orthogonal" and "phase" and no parameter's; else as `sgd`
    TypeError
        for a rule that cannot be called

    >>> from functools import partial
    >>> import numpy as np, unitarygraph as ug
    >>> W = ug.parameter(np.ones((2, 2)), name="W", group="orthogonal")
    >>> b = ug.parameter(np.zeros(2), name="b")
    >>> slow, fast = (partial(ug.updates.sgd, learning_rate=rate) for rate in (0.01, 0.1))
    >>> loss = (W @ W + b).sum()
    >>> new = ug.updates.by_group(loss, [W, b], {"orthogonal": slow, "other": fast})
    >>> sorted(p.name for p in new)
    ['W', 'b']
    """
    params = getattr(module_or_params, "params", module_or_params)
    pairs = gradients(loss_or_grads, params)
    groups = {p: group_of(p) for p, _ in pairs}
    known = (*GROUPS, *groups.values())
    for name, rule in rules.items():
        if name not in known:
            names = ", ".join(map(repr, dict.fromkeys(known)))
            raise ValueError(f"by_group: rules: expected groups among {names}, got {name!r}")
        if not callable(rule):
            raise TypeError(f"by_group: the rule of {name!r} must be a function, got {rule!r}")
    for p, group in groups.items():
        if group not in rules:
            raise ValueError(
                f"by_group: {label(p)} is of the group {group!r}, for which rules has none; "
                f"it has {', '.join(map(repr, rules)) or 'no rules'}"
            )
    grads = [g for _, g in pairs]
    if clip is not None and grads:
        grads = total_norm_constraint(grads, clip)
    updates: Updates = {}
    for name, rule in rules.items():
        members = [(g, p) for g, p in zip(grads, groups, strict=True) if groups[p] == name]
        if members:
            updates |= rule(*map(list, zip(*members, strict=True)))
    return updates
