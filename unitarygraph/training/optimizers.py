"""Update rules by name, applied to a model's two groups of parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import pytensor
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.tensor.variable import TensorVariable

from unitarygraph import updates
from unitarygraph.models.base import Model

#: optimizer -> rule ``(loss_or_grads, params, learning_rate, **options)``
OPTIMIZERS: dict[str, Callable[..., dict]] = {
    "adadelta": updates.adadelta,
    "adagrad": updates.adagrad,
    "adam": updates.adam,
    "adam_g": updates.adam_g,
    "adamax": updates.adamax,
    "adamw": updates.adamw,
    "amsgrad": updates.amsgrad,
    "lion": updates.lion,
    "momentum": updates.momentum,
    "nesterov_momentum": updates.nesterov_momentum,
    "rmsprop": updates.rmsprop,
    "sgd": updates.sgd,
    "sgd_g": updates.sgd_g,
}

#: rule for orthogonal parameters alone -> its authors' rule for all others, which has no options
COMPANIONS: dict[str, Callable[..., dict]] = {
    "adam_g": updates.nesterov_momentum,
    "sgd_g": updates.nesterov_momentum,
}

#: arguments of every rule; all others are its options
COMMON = ("loss_or_grads", "params", "learning_rate")


def rule_named(optimizer: str) -> Callable[..., dict]:
    """Return the rule called `optimizer`; ValueError lists the names."""
    if optimizer not in OPTIMIZERS:
        known = ", ".join(sorted(OPTIMIZERS))
        raise ValueError(f"optimizer: expected one of {known}, got {optimizer!r}")
    return OPTIMIZERS[optimizer]


def optimizer_options(optimizer: str) -> dict[str, Any]:
    """Return the options of a rule that text can give, and their defaults."""
    parameters = inspect.signature(rule_named(optimizer)).parameters
    return {
        key: value.default
        for key, value in parameters.items()
        if key not in COMMON and isinstance(value.default, (bool, int, float, str, type(None)))
    }


def training_updates(
    loss: TensorVariable,
    model: Model,
    optimizer: str,
    learning_rate: float,
    orthogonal_learning_rate: float | None = None,
    clip: float | None = None,
    options: Mapping[str, Any] | None = None,
) -> dict[SharedVariable, TensorVariable]:
    """Return the updates of one training step.

    ``model.orthogonal_params`` take `orthogonal_learning_rate` (None: a tenth of `learning_rate`,
    the lineage's ratio), the other parameters `learning_rate`, and by the rule of
    :data:`COMPANIONS` where `optimizer` has one; gradients are first scaled down together to the
    norm `clip`, if it is given.
    """
    rule = rule_named(optimizer)
    gradients: list[Any] = list(pytensor.grad(loss, model.params))  # type: ignore[arg-type]
    if clip is not None:
        gradients = updates.total_norm_constraint(gradients, clip)
    if orthogonal_learning_rate is None:
        orthogonal_learning_rate = learning_rate / 10
    orthogonal = {p.name for p in model.orthogonal_params}
    merged: dict[SharedVariable, TensorVariable] = {}
    other_rule = COMPANIONS.get(optimizer, rule)
    for chosen, update, rate in (
        (False, other_rule, learning_rate),
        (True, rule, orthogonal_learning_rate),
    ):
        group = [
            (g, p)
            for g, p in zip(gradients, model.params, strict=True)
            if (p.name in orthogonal) == chosen
        ]
        if group:
            group_gradients, params = map(list, zip(*group, strict=True))
            more = (options or {}) if update is rule else {}
            merged |= update(group_gradients, params, rate, **more)
    return merged
