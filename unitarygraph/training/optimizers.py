"""Update rules by name, applied to a model's groups of parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytensor
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.tensor.variable import TensorVariable

from unitarygraph import updates
from unitarygraph.models.base import Model
from unitarygraph.parameter import group_of

#: optimizer -> rule ``(loss_or_grads, params, learning_rate, **options)``
OPTIMIZERS: dict[str, Callable[..., dict]] = {
    "adadelta": updates.adadelta,
    "adagrad": updates.adagrad,
    "adam": updates.adam,
    "adam_g": updates.adam_g,
    "adamax": updates.adamax,
    "adamw": updates.adamw,
    "amsgrad": updates.amsgrad,
    "landing": updates.landing,
    "lion": updates.lion,
    "momentum": updates.momentum,
    "muon": updates.muon,
    "natural_gradient": updates.natural_gradient,
    "nesterov_momentum": updates.nesterov_momentum,
    "projunn": updates.projunn,
    "rmsprop": updates.rmsprop,
    "sgd": updates.sgd,
    "sgd_g": updates.sgd_g,
    "stiefel_muon": updates.stiefel_muon,
}

#: rule for points of a manifold alone -> its authors' rule for all other parameters
COMPANIONS: dict[str, str] = {
    "adam_g": "nesterov_momentum",
    "landing": "sgd",
    "muon": "adam",
    "natural_gradient": "rmsprop",
    "projunn": "rmsprop",
    "sgd_g": "nesterov_momentum",
    "stiefel_muon": "adam",
}

#: groups of a model's parameters, each with a rule of its own
GROUPS = ("other", "orthogonal", "phase")

#: arguments that parameters decide; all others are a rule's options
COMMON = ("loss_or_grads", "params", "learning_rate", "field")


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


@dataclass(frozen=True)
class Rule:
    """An update rule by name, with its rate and options."""

    optimizer: str
    learning_rate: float
    options: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, gradients: list, params: list) -> dict[SharedVariable, TensorVariable]:
        """Return the updates of some parameters."""
        rule = rule_named(self.optimizer)
        return rule(gradients, params, self.learning_rate, **self.options)


def training_updates(
    loss: TensorVariable, model: Model, rules: Mapping[str, Rule], clip: float | None = None
) -> dict[SharedVariable, TensorVariable]:
    """Return the updates of one training step.

    `rules` has one for each of :data:`GROUPS`, of which each parameter knows its own. Gradients are
    first scaled down together to the norm `clip`, if it is given.
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
