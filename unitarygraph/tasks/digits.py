"""Handwritten digits as sequences of pixels (UCI optical recognition; scikit-learn's copy)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from unitarygraph.tasks.base import Arrays
from unitarygraph.tasks.labeled import Examples, LabeledSequences, Splits, permuted

PIXELS, CLASSES = 64, 10
TRAINING_EXAMPLES = 1437
#: seed of the split into 1437 training and 360 test scans
SPLIT_SEED = 1797


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


@cache
def splits() -> Splits:
    """Return the scans as sequences (64, 1); the test scans are the evaluation set."""
    train, test = (Examples(images[..., None], labels) for images, labels in scans())
    return Splits(train, test)


@dataclass(frozen=True)
class Digits(LabeledSequences):
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
    def classes(self) -> int:
        """Ten digits."""
        return CLASSES

    @property
    def viewed_shape(self) -> tuple[int, int]:
        """64 steps of one pixel, without a look at the scans."""
        return PIXELS, 1

    @property
    def masked(self) -> bool:
        """All scans are of one size."""
        return False

    def splits(self) -> Splits:
        """Return the scans."""
        return splits()

    def view(self, x: np.ndarray) -> np.ndarray:
        """Return the pixels in the chosen order."""
        return permuted(x) if self.permuted else x
