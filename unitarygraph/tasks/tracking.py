"""State tracking: which state is a small automaton in after reading a word?"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph.tasks.base import Arrays, Task, at_least
from unitarygraph.tasks.likelihood import hits, last_step, negative_log_likelihood
from unitarygraph.tasks.streams import (
    EVALUATION_SEED,
    EVALUATION_SEQUENCES,
    SampledStream,
    Stream,
)


@dataclass(frozen=True)
class StateTracking(Task):
    """Words of letters that move a state, each step's target the state so far.

    x (T, B, letters) one-hot, y (T, B) states, mask (T, B): words have lengths uniform on 1 to
    ``length``, letters are uniform. The loss is the cross-entropy averaged over a word's steps, or
    with ``every_step=False`` that of its last step; the accuracy is that of the last step. The
    evaluation set is drawn as training is; further sets, of words that are all as long as each of
    ``evaluation_lengths`` says, give accuracy_40, accuracy_80 and so on, at the last step too.

    A subclass says in ``letters`` and ``states`` how many there are and in `table` how they move;
    the first state is 0.

    Source: the protocol of Grazzi et al. (2025) and Siems et al. (2025), with their own lengths.
    """

    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType({"steps": 2000, "eval_every": 500})

    length: int = 40
    evaluation_lengths: str = "40 80 160 320 512"
    every_step: bool = True

    def __post_init__(self) -> None:
        at_least(self.name, length=(self.length, 1))
        if not all(word.isdecimal() and int(word) for word in self.evaluation_lengths.split()):
            raise ValueError(
                f"{self.name}: evaluation_lengths must be lengths with spaces between, got "
                f"{self.evaluation_lengths!r}"
            )

    @property
    @abstractmethod
    def letters(self) -> int:
        """Number of letters."""

    @property
    @abstractmethod
    def states(self) -> int:
        """Number of states."""

    @abstractmethod
    def table(self) -> np.ndarray:
        """Return the state that follows each, (letters, states)."""

    def letter_features(self) -> np.ndarray:
        """Return the input of each letter, (letters, input_size): one-hot."""
        return np.eye(self.letters)

    @property
    def input_size(self) -> int:
        """Features of a letter."""
        return self.letter_features().shape[1]

    @property
    def output_size(self) -> int:
        """States."""
        return self.states

    @property
    def baseline(self) -> float:
        """Loss of the guess that knows the step's number alone: entropies of the state's distribution.

        Averaged over steps and lengths as the loss is; in groups ln n.
        """
        move = np.zeros((self.states, self.states))
        for row in self.table():
            move[np.arange(self.states), row] += 1 / self.letters
        share, entropies = np.eye(self.states)[0], []
        for _ in range(self.length):
            share = share @ move
            known = share[share > 0]
            entropies.append(-(known * np.log(known)).sum())
        if self.every_step:
            entropies = list(np.cumsum(entropies) / np.arange(1, self.length + 1))
        return float(np.mean(entropies))

    @property
    def masked(self) -> bool:
        """Lengths vary."""
        return True

    def inputs(self, dtype: str, batch: int | None = None) -> list[TensorVariable]:
        """Return x (T, B, input_size), integer y (T, B) and the mask (T, B)."""
        return [
            pt.tensor("x", dtype=dtype, shape=(self.length, batch, self.input_size)),
            pt.tensor("y", dtype="int32", shape=(self.length, batch)),
            pt.tensor("mask", dtype=dtype, shape=(self.length, batch)),
        ]

    def loss(self, outputs: TensorVariable, *targets: TensorVariable) -> TensorVariable:
        """Return the cross-entropy over valid steps, or at the last, as a mean over words."""
        y, mask = targets
        weight = mask / mask.sum(axis=0) if self.every_step else last_step(mask)
        return (negative_log_likelihood(outputs, y) * weight).sum(axis=0).mean()

    def metrics(
        self, outputs: TensorVariable, *targets: TensorVariable
    ) -> dict[str, TensorVariable]:
        """Return the accuracy at the last step of each word."""
        y, mask = targets
        return {"accuracy": (hits(outputs, y) * last_step(mask)).sum(axis=0).mean()}

    def words(self, rng: np.random.Generator, lengths: np.ndarray, steps: int) -> np.ndarray:
        """Draw words, (T, B) letters; -1 after the end of each."""
        drawn = rng.integers(0, self.letters, size=(steps, len(lengths)), dtype=np.int32)
        return np.where(np.arange(steps)[:, None] < lengths, drawn, np.int32(-1))

    def read(self, words: np.ndarray, dtype: str) -> Arrays:
        """Return x, y and the mask of words; after the end of a word all are 0."""
        valid = words >= 0
        features = np.concatenate([self.letter_features(), np.zeros((1, self.input_size))])
        table, state = self.table(), np.zeros(words.shape[1], np.int64)
        y = np.zeros(words.shape, np.int32)
        for t, letters in enumerate(words):
            state = np.where(valid[t], table[letters, state], 0)
            y[t] = state
        return features.astype(dtype)[words], y, valid.astype(dtype)

    def draw(self, rng: np.random.Generator, count: int, dtype: str) -> Arrays:
        """Draw `count` words of lengths up to `length`."""
        lengths = rng.integers(1, self.length + 1, size=count)
        return self.read(self.words(rng, lengths, self.length), dtype)

    def batches(self, rng: np.random.Generator | int, batch: int, dtype: str) -> Stream:
        """Return an endless stream of fresh words."""
        return SampledStream(partial(self.draw, count=batch, dtype=dtype), rng)

    def evaluation_batches(self, batch: int, dtype: str) -> Iterator[Arrays]:
        """Iterate over a fixed set of words of lengths up to `length`."""
        rng = np.random.default_rng(EVALUATION_SEED)
        lengths = rng.integers(1, self.length + 1, size=EVALUATION_SEQUENCES)
        yield from self._in_batches(self.words(rng, lengths, self.length), batch, dtype)

    def further_evaluations(self, batch: int, dtype: str) -> dict[str, Iterator[Arrays]]:
        """Return a fixed set of words of each of ``evaluation_lengths``."""
        return {
            text: self._in_batches(self._words_of(int(text)), batch, dtype)
            for text in self.evaluation_lengths.split()
        }

    def _words_of(self, length: int) -> np.ndarray:
        rng = np.random.default_rng([EVALUATION_SEED, length])
        return self.words(rng, np.full(EVALUATION_SEQUENCES, length), length)

    def _in_batches(self, words: np.ndarray, batch: int, dtype: str) -> Iterator[Arrays]:
        """Long words of many letters are made one-hot only as they are read."""
        for start in range(0, words.shape[1], batch):
            yield self.read(words[:, start : start + batch], dtype)
