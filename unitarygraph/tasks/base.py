"""What every task offers to the training program."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from pytensor.tensor.variable import TensorVariable

from unitarygraph.tasks.streams import Stream

Arrays = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Task(ABC):
    """A supervised problem on sequences; its dataclass fields are its options.

    Inputs are ``x`` of shape (T, B, input_size), targets follow it, and where lengths vary
    (:attr:`masked`) a mask (T, B) of ones and zeros stands last.
    """

    name: ClassVar[str]
    #: training settings that suit the task (see ``unitarygraph.training.settings``)
    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType({})

    @property
    def note(self) -> str | None:
        """What a reader of results must know of the data, said before training; None for nothing."""
        return None

    @property
    @abstractmethod
    def input_size(self) -> int:
        """Features of one time step."""

    @property
    @abstractmethod
    def output_size(self) -> int:
        """Outputs the model must give at each time step."""

    @property
    @abstractmethod
    def baseline(self) -> float | None:
        """Loss of the best guess that uses no memory of the sequence, None where unknown."""

    @property
    def masked(self) -> bool:
        """Whether the last of :meth:`inputs` is a mask (T, B) over valid steps."""
        return False

    @abstractmethod
    def inputs(self, dtype: str, batch: int | None = None) -> list[TensorVariable]:
        """Return the symbolic inputs ``[x, targets...]`` with static shapes where known."""

    @abstractmethod
    def loss(self, outputs: TensorVariable, *targets: TensorVariable) -> TensorVariable:
        """Return the scalar loss, a mean over sequences; outputs are (T, B, output_size)."""

    def metrics(
        self, outputs: TensorVariable, *targets: TensorVariable
    ) -> dict[str, TensorVariable]:
        """Return scalars by name, each a mean over sequences; ``accuracy`` where there is one."""
        return {}

    @abstractmethod
    def batches(self, rng: np.random.Generator | int, batch: int, dtype: str) -> Stream:
        """Return endless training batches; the stream can tell and take up its state."""

    @abstractmethod
    def evaluation_batches(self, batch: int, dtype: str) -> Iterator[Arrays]:
        """Iterate over the evaluation set, the same every time; the last may be smaller."""

    def weight(self, batch: Arrays) -> float:
        """Return how much a batch counts in an evaluation's means: its sequences."""
        return batch[0].shape[1]

    def further_evaluations(self, batch: int, dtype: str) -> dict[str, Iterator[Arrays]]:
        """Return further evaluation sets by name, each like :meth:`evaluation_batches`.

        Their sequences may have other lengths than :meth:`inputs` says. Each of the metrics is
        given for them too, as ``accuracy_NAME``; the loss is not, for beyond the lengths that a
        model was trained on it may overflow.
        """
        return {}


def at_least(task: str, **bounds: tuple[int, int]) -> None:
    """Refuse options below their least value; ``bounds`` are ``name=(value, least)``."""
    for name, (value, least) in bounds.items():
        if value < least:
            raise ValueError(f"{task}: {name} must be at least {least}, got {value}")


def one_of(task: str, **choices: tuple[str, Iterable[str]]) -> None:
    """Refuse options that are none of their values; ``choices`` are ``name=(value, values)``."""
    for name, (value, values) in choices.items():
        if value not in values:
            raise ValueError(f"{task}: {name} must be one of {', '.join(values)}, got {value!r}")
