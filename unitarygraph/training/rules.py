"""Update rules by name: with its rate and its options, a rule is one setting."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytensor.compile.sharedvalue import SharedVariable
from pytensor.tensor.variable import TensorVariable

from unitarygraph import updates
from unitarygraph.training.values import Option, options_from

#: groups of a model's parameters, each with a rule of its own
GROUPS = ("other", "orthogonal", "phase")

#: arguments that parameters decide; all others are a rule's options
COMMON = ("loss_or_grads", "params", "learning_rate", "field")


@dataclass(frozen=True)
class NamedRule:
    """What a name stands for: ``update(loss_or_grads, params, learning_rate, **options)``.

    A rule for points of a manifold alone names its `companion`, its authors' rule for all other
    parameters.
    """

    update: Callable[..., dict]
    companion: str | None = None


RULES: dict[str, NamedRule] = {
    "adadelta": NamedRule(updates.adadelta),
    "adagrad": NamedRule(updates.adagrad),
    "adam": NamedRule(updates.adam),
    "adam_g": NamedRule(updates.adam_g, companion="nesterov_momentum"),
    "adamax": NamedRule(updates.adamax),
    "adamw": NamedRule(updates.adamw),
    "amsgrad": NamedRule(updates.amsgrad),
    "landing": NamedRule(updates.landing, companion="sgd"),
    "lion": NamedRule(updates.lion),
    "momentum": NamedRule(updates.momentum),
    "muon": NamedRule(updates.muon, companion="adam"),
    "natural_gradient": NamedRule(updates.natural_gradient, companion="rmsprop"),
    "nesterov_momentum": NamedRule(updates.nesterov_momentum),
    "projunn": NamedRule(updates.projunn, companion="rmsprop"),
    "rmsprop": NamedRule(updates.rmsprop),
    "sgd": NamedRule(updates.sgd),
    "sgd_g": NamedRule(updates.sgd_g, companion="nesterov_momentum"),
    "stiefel_muon": NamedRule(updates.stiefel_muon, companion="adam"),
}


def check_rule(said: str, name: str) -> None:
    """Raise ValueError for a rule that there is not; the message lists the names."""
    if name not in RULES:
        raise ValueError(f"{said}: expected one of {', '.join(sorted(RULES))}, got {name!r}")


def rule_options(name: str) -> dict[str, Option]:
    """Return the options of a rule that text can give, by name."""
    update = RULES[name].update
    defaults = {
        key: value.default
        for key, value in inspect.signature(update).parameters.items()
        if key not in COMMON and isinstance(value.default, (bool, int, float, str, type(None)))
    }
    return options_from(defaults, update)


@dataclass(frozen=True)
class Rule:
    """An update rule by name, with its rate and options."""

    name: str
    learning_rate: float
    options: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, gradients: list, params: list) -> dict[SharedVariable, TensorVariable]:
        """Return the updates of some parameters."""
        return RULES[self.name].update(gradients, params, self.learning_rate, **self.options)

    def document(self) -> dict[str, Any]:
        """Return name, rate and options side by side, as config.toml has them."""
        return {"name": self.name, "learning_rate": self.learning_rate, **self.options}
