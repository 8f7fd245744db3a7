"""Copying memory (Hochreiter & Schmidhuber 1997; Arjovsky, Shah, Bengio 2016)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph.tasks.base import Arrays, Task, at_least, one_of
from unitarygraph.tasks.likelihood import hits, negative_log_likelihood
from unitarygraph.tasks.streams import SampledStream, Stream, sampled_evaluation

#: steps by which the marker precedes the first symbol to be recalled
MARKER_LEAD = {"exprnn": 0, "arjovsky": 1}


@dataclass(frozen=True)
class Copying(Task):
    r"""Remember K symbols over L blanks and give them back after a marker.

    Classes: 0 blank, 1 to S the symbols, S + 1 the marker (input only). With K = `length`,
    L = `delay`, S = `symbols` a sequence has L + 2K steps and its target is K + L blanks and
    then the K symbols. Two published inputs differ in the marker's place (lineage: Arjovsky,
    Shah, Bengio 2016; Lezcano-Casado & Martinez-Rubio 2019):

    - ``protocol="exprnn"``: K symbols, L blanks, marker, K - 1 blanks. The first symbol is
      recalled at the marker's own step.
    - ``protocol="arjovsky"``: K symbols, L - 1 blanks, marker, K blanks. The first symbol is
      recalled one step after the marker.

    The loss is the cross-entropy averaged over all L + 2K steps; knowing only the step, one can
    do no better than :math:`K \ln S / (L + 2K)`, the baseline. Accuracy counts recalled symbols.

    With ``variable=True`` (Henaff, Szlam, LeCun 2016) each sequence has its own number of blanks,
    uniform on 1 to `delay`; it is padded with blanks to `delay` + 2K steps, and a mask (T, B) tells
    its L_b + 2K valid steps. Loss and baseline average each sequence over its own valid steps, then
    over sequences.
    """

    name: ClassVar[str] = "copying"
    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType({"steps": 600})

    delay: int = 100
    symbols: int = 8
    length: int = 10
    protocol: Literal["exprnn", "arjovsky"] = "exprnn"
    variable: bool = False

    def __post_init__(self) -> None:
        at_least(
            "copying", delay=(self.delay, 1), symbols=(self.symbols, 1), length=(self.length, 1)
        )
        one_of("copying", protocol=(self.protocol, MARKER_LEAD))

    @property
    def steps(self) -> int:
        """Time steps of a batch, `delay` + 2 `length`."""
        return self.delay + 2 * self.length

    @property
    def input_size(self) -> int:
        """Blank, symbols and marker, one-hot."""
        return self.symbols + 2

    @property
    def output_size(self) -> int:
        """Blank and symbols."""
        return self.symbols + 1

    @property
    def baseline(self) -> float:
        """K ln S / (L + 2K), averaged over the lengths where they vary."""
        least = 1 if self.variable else self.delay
        lengths = np.arange(least, self.delay + 1) + 2 * self.length
        return float(np.mean(self.length * math.log(self.symbols) / lengths))

    @property
    def masked(self) -> bool:
        """Whether lengths vary."""
        return self.variable

    def inputs(self, dtype: str, batch: int | None = None) -> list[TensorVariable]:
        """Return x one-hot (T, B, S + 2), integer y (T, B) and, where lengths vary, the mask."""
        x = pt.tensor("x", dtype=dtype, shape=(self.steps, batch, self.input_size))
        y = pt.tensor("y", dtype="int32", shape=(self.steps, batch))
        mask = pt.tensor("mask", dtype=dtype, shape=(self.steps, batch))
        return [x, y, mask] if self.masked else [x, y]

    def loss(self, outputs: TensorVariable, *targets: TensorVariable) -> TensorVariable:
        """Return the cross-entropy averaged over the valid steps, then over sequences."""
        cost = negative_log_likelihood(outputs, targets[0])
        if not self.masked:
            return cost.mean()
        mask = targets[1]
        return ((cost * mask).sum(axis=0) / mask.sum(axis=0)).mean()

    def metrics(
        self, outputs: TensorVariable, *targets: TensorVariable
    ) -> dict[str, TensorVariable]:
        """Return the accuracy over the recalled symbols (every target that is not blank)."""
        y = targets[0]
        recalled = pt.neq(y, np.int32(0)).astype(outputs.dtype)
        return {"accuracy": (hits(outputs, y) * recalled).sum() / recalled.sum()}

    def draw(self, rng: np.random.Generator, count: int, dtype: str) -> Arrays:
        """Draw `count` sequences: x (T, B, S + 2), y (T, B) and, where lengths vary, the mask."""
        steps, size, columns = self.steps, self.length, np.arange(count)
        symbols = rng.integers(1, self.symbols + 1, size=(size, count), dtype=np.int32)
        delays = np.full(count, self.delay)
        if self.variable:
            delays = rng.integers(1, self.delay + 1, size=count)
        recall = size + delays

        classes = np.zeros((steps, count), dtype=np.int32)
        classes[:size] = symbols
        classes[recall - MARKER_LEAD[self.protocol], columns] = self.symbols + 1
        x = (classes[..., None] == np.arange(self.input_size)).astype(dtype)

        y = np.zeros((steps, count), dtype=np.int32)
        y[recall + np.arange(size)[:, None], columns] = symbols
        if not self.masked:
            return x, y
        mask = (np.arange(steps)[:, None] < recall + size).astype(dtype)
        return x, y, mask

    def batches(self, rng: np.random.Generator | int, batch: int, dtype: str) -> Stream:
        """Return an endless stream of fresh sequences."""
        return SampledStream(partial(self.draw, count=batch, dtype=dtype), rng)

    def evaluation_batches(self, batch: int, dtype: str) -> Iterator[Arrays]:
        """Iterate over a fixed set of sequences."""
        return sampled_evaluation(partial(self.draw, dtype=dtype), batch)
