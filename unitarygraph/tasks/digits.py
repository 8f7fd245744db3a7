"""Handwritten digits as sequences of pixels (UCI optical recognition; scikit-learn's copy)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph.tasks.base import Arrays, Task
from unitarygraph.tasks.likelihood import hits, negative_log_likelihood
from unitarygraph.tasks.streams import EpochStream, Stream

PIXELS, CLASSES = 64, 10
TRAINING_EXAMPLES = 1437
#: seed of the split into 1437 training and 360 test scans
SPLIT_SEED = 1797
#: seed of the pixels' order: that of permuted MNIST in the lineage
PERMUTATION_SEED = 92916


@cache
def scans() -> tuple[Arrays, Arrays]:
    """Return (images, labels) for training and for test; images (N, 64) scaled to [0, 1].

    Raises ImportError where scikit-learn, which carries the scans, is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            "digits: the scans come with scikit-learn, which is not installed; "
            'install it with: pip install "unitarygraph[train]"'
        ) from error
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(SPLIT_SEED).permutation(len(labels))
    images, labels = images[order] / 16, labels[order].astype(np.int32)
    cut = TRAINING_EXAMPLES
    return (images[:cut], labels[:cut]), (images[cut:], labels[cut:])


@dataclass(frozen=True)
class Digits(Task):
    """Name the digit after reading its 8 x 8 scan pixel by pixel.

    x (64, B, 1): gray values in [0, 1], row by row or, with ``permuted=True``, in one fixed random
    order. y (B,): the digit, judged at the last step by cross-entropy; the baseline ln 10 is that
    of the uniform guess. 1437 scans train and 360 test, always the same ones; training visits
    each scan once an epoch in a new order, evaluation each test scan once.
    """

    name: ClassVar[str] = "digits"
    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType({"steps": 4000, "eval_every": 200})

    permuted: bool = False

    @property
    def input_size(self) -> int:
        """One pixel."""
        return 1

    @property
    def output_size(self) -> int:
        """Ten digits."""
        return CLASSES

    @property
    def baseline(self) -> float:
        """Cross-entropy of the uniform guess, ln 10."""
        return math.log(CLASSES)

    def inputs(self, dtype: str, batch: int | None = None) -> list[TensorVariable]:
        """Return x (64, B, 1) and integer y (B,)."""
        return [
            pt.tensor("x", dtype=dtype, shape=(PIXELS, batch, 1)),
            pt.tensor("y", dtype="int32", shape=(batch,)),
        ]

    def loss(self, outputs: TensorVariable, *targets: TensorVariable) -> TensorVariable:
        """Return the mean cross-entropy at the last step."""
        return negative_log_likelihood(outputs[-1], targets[0]).mean()

    def metrics(
        self, outputs: TensorVariable, *targets: TensorVariable
    ) -> dict[str, TensorVariable]:
        """Return the accuracy at the last step."""
        return {"accuracy": hits(outputs[-1], targets[0]).mean()}

    def take(self, indices: np.ndarray | slice, examples: Arrays, dtype: str) -> Arrays:
        """Return the chosen examples as x (64, B, 1) and y (B,)."""
        images, labels = examples
        pixels = images[indices].T
        if self.permuted:
            pixels = pixels[np.random.RandomState(PERMUTATION_SEED).permutation(PIXELS)]
        return np.ascontiguousarray(pixels[..., None], dtype=dtype), labels[indices]

    def batches(self, rng: np.random.Generator | int, batch: int, dtype: str) -> Stream:
        """Return an endless stream over the training scans, in a new order every epoch."""
        training, _ = scans()
        take = partial(self.take, examples=training, dtype=dtype)
        return EpochStream(take, len(training[1]), batch, rng)

    def evaluation_batches(self, batch: int, dtype: str) -> Iterator[Arrays]:
        """Iterate over all test scans; the last batch holds what is left."""
        _, test = scans()
        for start in range(0, len(test[1]), batch):
            yield self.take(slice(start, start + batch), test, dtype)
