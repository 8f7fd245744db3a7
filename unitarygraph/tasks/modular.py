"""Arithmetic modulo k, from left to right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from unitarygraph.tasks.base import at_least
from unitarygraph.tasks.tracking import StateTracking

OPERATIONS = {"+": np.add, "-": np.subtract, "*": np.multiply}


@dataclass(frozen=True)
class Modular(StateTracking):
    """Apply one operation after the other to a number, modulo ``modulus``.

    Each step reads an operator out of ``operators``, one or more of ``+-*``, and a number, both
    one-hot side by side, x (T, B, operators + modulus); the target is ((0 op a) op b) ..., from left
    to right without precedence. Options, loss and accuracy as
    :class:`~unitarygraph.tasks.tracking.StateTracking`. With ``*`` zero comes up more often than
    other numbers, and the baseline is below ln k.
    """

    name: ClassVar[str] = "modular"

    modulus: int = 5
    operators: str = "+-*"

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("modular", modulus=(self.modulus, 2))
        known = set(self.operators) <= set(OPERATIONS)
        if not self.operators or not known or len(set(self.operators)) < len(self.operators):
            raise ValueError(
                f"modular: operators must be some of +-*, each once, got {self.operators!r}"
            )

    @property
    def letters(self) -> int:
        """An operator and a number."""
        return len(self.operators) * self.modulus

    @property
    def states(self) -> int:
        """The numbers."""
        return self.modulus

    def letter_features(self) -> np.ndarray:
        """Return operator and number one-hot side by side."""
        operator, number = np.divmod(np.arange(self.letters), self.modulus)
        both = np.eye(len(self.operators))[operator], np.eye(self.modulus)[number]
        return np.concatenate(both, axis=1)

    def table(self) -> np.ndarray:
        """Apply each operator with each number to each number."""
        numbers = np.arange(self.modulus)
        rows = [OPERATIONS[op](numbers, a) % self.modulus for op in self.operators for a in numbers]
        return np.stack(rows)
