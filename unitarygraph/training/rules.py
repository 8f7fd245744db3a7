"""Update rules by name: with its rate and its options, a rule is one setting."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pytensor.compile.sharedvalue import SharedVariable
from pytensor.tensor.variable import TensorVariable

from unitarygraph.training.values import Option, options_from
from unitarygraph.updates import RULES

#: arguments that parameters decide; all others are a rule's options
COMMON = ("loss_or_grads", "params", "learning_rate", "field")


def check_rule(said: str, name: str) -> None:
    """Raise ValueError for a rule that there is not; the message lists the names."""
    if name not in RULES:
        raise ValueError(f"{said}: expected one of {', '.join(sorted(RULES))}, got {name!r}")


def companion_of(name: str) -> str | None:
    """Return its authors' rule for all other parameters, of a rule for points of a manifold alone."""
    return getattr(RULES[name], "companion", None)


def rule_options(name: str) -> dict[str, Option]:
    """Return the options of a rule that text can give, by name."""
    update = RULES[name]
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

    def __call__(
        self, gradients: list, params: list, factor: Any = None
    ) -> dict[SharedVariable, TensorVariable]:
        """Return the updates of some parameters; `factor` is a symbolic one of the rate."""
        rate = self.learning_rate if factor is None else self.learning_rate * factor
        return RULES[self.name](gradients, params, rate, **self.options)

    def document(self) -> dict[str, Any]:
        """Return name, rate and options side by side, as config.toml has them."""
        return {"name": self.name, "learning_rate": self.learning_rate, **self.options}
