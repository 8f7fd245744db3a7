"""The adding problem (Hochreiter & Schmidhuber 1997)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph.tasks.base import Arrays, Task, at_least
from unitarygraph.tasks.streams import SampledStream, Stream, sampled_evaluation


@dataclass(frozen=True)
class Adding(Task):
    """Add the two marked numbers of a sequence.

    x (T, B, 2): numbers uniform on [0, 1) and marks, one mark at a random step of the first half
    and one in the second (Arjovsky, Shah, Bengio 2016). The target y (B,) is the sum of the marked
    numbers, to be given at the last step. The loss is the mean squared error; the constant guess 1
    has the variance of the sum of two uniform numbers, 1/6, the baseline.
    """

    name: ClassVar[str] = "adding"
    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType({"steps": 2000})

    length: int = 200

    def __post_init__(self) -> None:
        at_least("adding", length=(self.length, 2))

    @property
    def input_size(self) -> int:
        """A number and a mark."""
        return 2

    @property
    def output_size(self) -> int:
        """The sum."""
        return 1

    @property
    def baseline(self) -> float:
        """Mean squared error of the guess 1."""
        return 1 / 6

    def inputs(self, dtype: str, batch: int | None = None) -> list[TensorVariable]:
        """Return x (T, B, 2) and y (B,)."""
        return [
            pt.tensor("x", dtype=dtype, shape=(self.length, batch, 2)),
            pt.tensor("y", dtype=dtype, shape=(batch,)),
        ]

    def loss(self, outputs: TensorVariable, *targets: TensorVariable) -> TensorVariable:
        """Return the mean squared error at the last step."""
        return ((outputs[-1, :, 0] - targets[0]) ** 2).mean()

    def draw(self, rng: np.random.Generator, count: int, dtype: str) -> Arrays:
        """Draw `count` sequences: x (T, B, 2) and y (B,)."""
        half, columns = self.length // 2, np.arange(count)
        numbers = rng.random((self.length, count))
        first = rng.integers(0, half, size=count)
        second = rng.integers(half, self.length, size=count)
        marks = np.zeros_like(numbers)
        marks[first, columns] = marks[second, columns] = 1
        y = numbers[first, columns] + numbers[second, columns]
        return np.stack([numbers, marks], axis=-1).astype(dtype), y.astype(dtype)

    def batches(self, rng: np.random.Generator | int, batch: int, dtype: str) -> Stream:
        """Return an endless stream of fresh sequences."""
        return SampledStream(partial(self.draw, count=batch, dtype=dtype), rng)

    def evaluation_batches(self, batch: int, dtype: str) -> Iterator[Arrays]:
        """Iterate over a fixed set of sequences."""
        return sampled_evaluation(partial(self.draw, dtype=dtype), batch)
