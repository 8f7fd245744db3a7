"""Endless streams of training batches that can tell their state and take it up again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

#: sequences in the evaluation set of a task whose data are drawn at random
EVALUATION_SEQUENCES = 512
#: seed of those sequences; training streams come from spawned seeds and never meet it
EVALUATION_SEED = 20181

Arrays = tuple[np.ndarray, ...]


class Stream(ABC):
    """An iterator without end whose state is a small dict that JSON can hold."""

    def __iter__(self) -> Stream:
        """Return the stream itself."""
        return self

    @abstractmethod
    def __next__(self) -> Arrays:
        """Return the next batch."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Return all that the batches to come depend on."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """Continue as the stream did that gave `state`."""


class SampledStream(Stream):
    """Batches ``draw(rng)``: the generator's state is the whole state."""

    def __init__(
        self, draw: Callable[[np.random.Generator], Arrays], rng: np.random.Generator | int
    ) -> None:
        self._draw = draw
        self._rng = np.random.default_rng(rng)

    def __next__(self) -> Arrays:
        """Draw the next batch."""
        return self._draw(self._rng)

    def state(self) -> dict[str, Any]:
        """Return the generator's state."""
        return {"rng": self._rng.bit_generator.state}

    def restore(self, state: dict[str, Any]) -> None:
        """Set the generator's state."""
        self._rng.bit_generator.state = state["rng"]


class EpochStream(Stream):
    """Batches ``take(indices)`` of a data set of `size` examples in a new order every epoch.

    Every batch has `batch` examples: one that begins with the last examples of an epoch goes on
    with the first of the next, so each epoch visits each example exactly once and shapes never
    change. The state is the generator's state before the current order was drawn, and the
    position in that order.
    """

    def __init__(
        self,
        take: Callable[[np.ndarray], Arrays],
        size: int,
        batch: int,
        rng: np.random.Generator | int,
    ) -> None:
        self._take, self._size, self._batch = take, size, batch
        self._rng = np.random.default_rng(rng)
        self._new_epoch()

    def _new_epoch(self) -> None:
        self._before = self._rng.bit_generator.state
        self._order = self._rng.permutation(self._size)
        self._position = 0

    def __next__(self) -> Arrays:
        """Take the next examples of the epoch, and of the next epoch where it ends."""
        taken: list[np.ndarray] = []
        missing = self._batch
        while missing:
            if self._position == self._size:
                self._new_epoch()
            part = self._order[self._position : self._position + missing]
            self._position += len(part)
            missing -= len(part)
            taken.append(part)
        return self._take(np.concatenate(taken))

    def state(self) -> dict[str, Any]:
        """Return the generator's state at the start of the epoch and the position in it."""
        return {"rng": self._before, "position": self._position}

    def restore(self, state: dict[str, Any]) -> None:
        """Draw the epoch's order again and go to the position in it."""
        self._rng.bit_generator.state = state["rng"]
        self._new_epoch()
        self._position = state["position"]


def sampled_evaluation(
    draw: Callable[[np.random.Generator, int], Arrays], batch: int
) -> Iterator[Arrays]:
    """Cut one fixed random set of ``EVALUATION_SEQUENCES`` sequences into batches.

    ``draw(rng, count)`` gives arrays with the batch on their last axis but for x, (T, B, f).
    The sequences do not depend on `batch`.
    """
    x, *targets = draw(np.random.default_rng(EVALUATION_SEED), EVALUATION_SEQUENCES)
    for start in range(0, EVALUATION_SEQUENCES, batch):
        chosen = slice(start, start + batch)
        parts = (x[:, chosen], *(y[..., chosen] for y in targets))
        yield tuple(np.ascontiguousarray(part) for part in parts)
