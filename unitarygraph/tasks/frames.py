"""Sequences with a target at every frame, of several lengths."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph.tasks.base import Arrays, Task
from unitarygraph.tasks.streams import EpochStream, Stream


@dataclass(frozen=True, eq=False)
class Frames:
    """N sequences: x ``(N, T, features)``, targets z ``(N, T, outputs)``, lengths ``(N,)``, 1 to T."""

    x: np.ndarray
    z: np.ndarray
    lengths: np.ndarray

    def __len__(self) -> int:
        return len(self.lengths)


@dataclass(frozen=True)
class FramePrediction(Task):
    """Answer every frame of a sequence.

    x (T, B, features), z (T, B, outputs), mask (T, B). The loss is `frame_loss` averaged over the valid
    frames of a batch, and an evaluation that over all its frames: a long sequence weighs more. The
    validation set is the evaluation set, the test set a further one.
    """

    @abstractmethod
    def sets(self) -> dict[str, Frames]:
        """Return the sets ``train``, ``validation`` and ``test``, read once, all of one T."""

    @abstractmethod
    def frame_loss(self, outputs: TensorVariable, z: TensorVariable) -> TensorVariable:
        """Return the loss of every frame, (T, B)."""

    @property
    def input_size(self) -> int:
        """Features of a frame."""
        return self.sets()["train"].x.shape[2]

    @property
    def output_size(self) -> int:
        """Numbers that a frame's target has."""
        return self.sets()["train"].z.shape[2]

    @property
    def masked(self) -> bool:
        """Lengths vary."""
        return True

    def inputs(self, dtype: str, batch: int | None = None) -> list[TensorVariable]:
        """Return x (T, B, features), z (T, B, outputs) and the mask (T, B)."""
        steps = self.sets()["train"].x.shape[1]
        return [
            pt.tensor("x", dtype=dtype, shape=(steps, batch, self.input_size)),
            pt.tensor("z", dtype=dtype, shape=(steps, batch, self.output_size)),
            pt.tensor("mask", dtype=dtype, shape=(steps, batch)),
        ]

    def loss(self, outputs: TensorVariable, *targets: TensorVariable) -> TensorVariable:
        """Return the mean over valid frames."""
        z, mask = targets
        valid = pt.switch(pt.eq(mask, 1), self.frame_loss(outputs, z), pt.zeros_like(mask))
        return valid.sum() / mask.sum()

    def weight(self, batch: Arrays) -> float:
        """Return the valid frames of a batch."""
        return float(batch[-1].sum(dtype=np.float64))

    def take(self, chosen: np.ndarray | slice, frames: Frames, dtype: str) -> Arrays:
        """Return the chosen sequences as x, z and mask."""
        x, z = (
            np.ascontiguousarray(array[chosen].swapaxes(0, 1), dtype=dtype)
            for array in (frames.x, frames.z)
        )
        mask = np.arange(len(x))[:, None] < frames.lengths[chosen]
        return x, z, mask.astype(dtype)

    def batches(self, rng: np.random.Generator | int, batch: int, dtype: str) -> Stream:
        """Return an endless stream over the training sequences, in a new order every epoch."""
        training = self.sets()["train"]
        return EpochStream(
            partial(self.take, frames=training, dtype=dtype), len(training), batch, rng
        )

    def evaluation_batches(self, batch: int, dtype: str) -> Iterator[Arrays]:
        """Iterate over the validation set; the last batch holds what is left."""
        yield from self._in_batches(self.sets()["validation"], batch, dtype)

    def further_evaluations(self, batch: int, dtype: str) -> dict[str, Iterator[Arrays]]:
        """Return the test set."""
        return {"test": self._in_batches(self.sets()["test"], batch, dtype)}

    def _in_batches(self, frames: Frames, batch: int, dtype: str) -> Iterator[Arrays]:
        for start in range(0, len(frames), batch):
            yield self.take(slice(start, start + batch), frames, dtype)
