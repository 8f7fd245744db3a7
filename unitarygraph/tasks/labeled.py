"""Stored sequences with a label each, divided into training, evaluation and test."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph.tasks.base import Arrays, Task
from unitarygraph.tasks.likelihood import hits, last_step, negative_log_likelihood
from unitarygraph.tasks.streams import EpochStream, Stream

#: seed of the order of permuted MNIST's pixels in the lineage
PERMUTATION_SEED = 92916


@dataclass(frozen=True, eq=False)
class Examples:
    """N sequences: x ``(N, T, features)``, real; y ``(N,)``, int32; lengths ``(N,)`` or None."""

    x: np.ndarray
    y: np.ndarray
    lengths: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, chosen: np.ndarray | slice) -> Examples:
        lengths = None if self.lengths is None else self.lengths[chosen]
        return Examples(self.x[chosen], self.y[chosen], lengths)


@dataclass(frozen=True, eq=False)
class Splits:
    """What trains, what is looked at between steps, and what is kept for the end, where there is any."""

    train: Examples
    evaluation: Examples
    test: Examples | None = None


def divided(examples: Examples, seed: int, validation: int, test: int | Examples = 0) -> Splits:
    """Divide examples at random, the same way each time; `test` is a number of them or its own set.

    Without validation examples the test set is the evaluation set. Raises ValueError where both are
    empty.
    """
    order = np.random.default_rng(seed).permutation(len(examples))
    kept = test if isinstance(test, int) else 0
    train, chosen, last = np.split(order, [len(order) - validation - kept, len(order) - kept])
    own = None if isinstance(test, int) else test
    tested = examples[last] if kept else own
    evaluation = examples[chosen] if validation else tested
    if evaluation is None:
        raise ValueError("neither validation nor test examples: one of them must be more than 0")
    return Splits(examples[train], evaluation, tested)


def published(task: str, train: Examples, test: Examples, seed: int, validation: int) -> Splits:
    """Set training examples aside for validation; ValueError for more than leave one to train on."""
    if not 0 <= validation < len(train):
        raise ValueError(
            f"{task}: validation must be 0 to {len(train) - 1}, fewer than the {len(train)} training "
            f"images, got {validation}"
        )
    return divided(train, seed, validation, test)


def permuted(x: np.ndarray) -> np.ndarray:
    """Return sequences (N, T, features) in the lineage's fixed random order of the steps."""
    return x[:, np.random.RandomState(PERMUTATION_SEED).permutation(x.shape[1])]


@dataclass(frozen=True)
class LabeledSequences(Task):
    """Name the class of a sequence after its last step.

    x (T, B, features), y (B,): the class, judged by cross-entropy at the last step, where lengths vary
    the last of each sequence, which the mask (T, B) tells. Training visits each sequence once an epoch
    in a new order. Where there are both a validation and a test set, the first is the evaluation set
    and the metrics of the second have the name ``accuracy_test``.

    A subclass says in `splits` where the sequences come from, and in `view` how a model sees them.
    """

    @abstractmethod
    def splits(self) -> Splits:
        """Return the data, read once; raises FileNotFoundError, ValueError or ImportError."""

    @property
    @abstractmethod
    def classes(self) -> int:
        """Number of classes."""

    def view(self, x: np.ndarray) -> np.ndarray:
        """Return what a model sees of stored sequences (N, T', features') as (N, T, features)."""
        return x

    @property
    def viewed_shape(self) -> tuple[int, int]:
        """Steps and features."""
        _, steps, features = self.view(self.splits().train.x[:1]).shape
        return steps, features

    @property
    def input_size(self) -> int:
        """Features of a step."""
        return self.viewed_shape[1]

    @property
    def output_size(self) -> int:
        """The classes."""
        return self.classes

    @property
    def baseline(self) -> float:
        """Cross-entropy of the uniform guess, the logarithm of the number of classes."""
        return math.log(self.classes)

    @property
    def masked(self) -> bool:
        """Whether lengths vary."""
        return self.splits().train.lengths is not None

    def inputs(self, dtype: str, batch: int | None = None) -> list[TensorVariable]:
        """Return x (T, B, features), integer y (B,) and, where lengths vary, the mask (T, B)."""
        steps, features = self.viewed_shape
        found = [
            pt.tensor("x", dtype=dtype, shape=(steps, batch, features)),
            pt.tensor("y", dtype="int32", shape=(batch,)),
        ]
        mask = pt.tensor("mask", dtype=dtype, shape=(steps, batch))
        return [*found, mask] if self.masked else found

    def loss(self, outputs: TensorVariable, *targets: TensorVariable) -> TensorVariable:
        """Return the mean cross-entropy at the last step."""
        return negative_log_likelihood(last_of(outputs, *targets[1:]), targets[0]).mean()

    def metrics(
        self, outputs: TensorVariable, *targets: TensorVariable
    ) -> dict[str, TensorVariable]:
        """Return the accuracy at the last step."""
        return {"accuracy": hits(last_of(outputs, *targets[1:]), targets[0]).mean()}

    def take(self, chosen: np.ndarray | slice, examples: Examples, dtype: str) -> Arrays:
        """Return the chosen examples as x (T, B, features), y (B,) and the mask where there is one."""
        found = examples[chosen]
        x = np.ascontiguousarray(self.view(found.x).swapaxes(0, 1), dtype=dtype)
        if found.lengths is None:
            return x, found.y
        mask = np.arange(len(x))[:, None] < found.lengths
        return x, found.y, mask.astype(dtype)

    def batches(self, rng: np.random.Generator | int, batch: int, dtype: str) -> Stream:
        """Return an endless stream over the training sequences, in a new order every epoch."""
        training = self.splits().train
        take = partial(self.take, examples=training, dtype=dtype)
        return EpochStream(take, len(training), batch, rng)

    def evaluation_batches(self, batch: int, dtype: str) -> Iterator[Arrays]:
        """Iterate over the evaluation set; the last batch holds what is left."""
        yield from self._in_batches(self.splits().evaluation, batch, dtype)

    def further_evaluations(self, batch: int, dtype: str) -> dict[str, Iterator[Arrays]]:
        """Return the test set where it is not the evaluation set."""
        splits = self.splits()
        if splits.test is None or splits.test is splits.evaluation:
            return {}
        return {"test": self._in_batches(splits.test, batch, dtype)}

    def _in_batches(self, examples: Examples, batch: int, dtype: str) -> Iterator[Arrays]:
        for start in range(0, len(examples), batch):
            yield self.take(slice(start, start + batch), examples, dtype)


def last_of(outputs: TensorVariable, mask: TensorVariable | None = None) -> TensorVariable:
    """Return the outputs at the last valid step of each sequence: (T, B, C) -> (B, C)."""
    if mask is None:
        return outputs[-1]
    taken = pt.eq(last_step(mask), 1)[..., None]
    return pt.switch(taken, outputs, pt.zeros_like(outputs)).sum(axis=0)
