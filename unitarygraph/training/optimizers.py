"""The updates of one training step: a rule for each group of a model's parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytensor
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.tensor.variable import TensorVariable

from unitarygraph import updates
from unitarygraph.models.base import Model
from unitarygraph.parameter import group_of
from unitarygraph.training.rules import GROUPS, Rule


def training_updates(
    loss: TensorVariable, model: Model, rules: Mapping[str, Rule], clip: float | None = None
) -> dict[SharedVariable, TensorVariable]:
    """Return the updates of one training step.

    `rules` has one for each of :data:`~unitarygraph.training.rules.GROUPS`, of which each parameter
    knows its own. Gradients are first scaled down together to the norm `clip`, if it is given.
    """
    gradients: list[Any] = list(pytensor.grad(loss, model.params))  # type: ignore[arg-type]
    if clip is not None:
        gradients = updates.total_norm_constraint(gradients, clip)
    merged: dict[SharedVariable, TensorVariable] = {}
    for name in GROUPS:
        group = [
            (g, p) for g, p in zip(gradients, model.params, strict=True) if group_of(p) == name
        ]
        if group:
            merged |= rules[name](*map(list, zip(*group, strict=True)))
    return merged
