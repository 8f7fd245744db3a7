"""CIFAR-10 and CIFAR-100 as sequences of pixels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from unitarygraph.tasks.files.cifar import SOURCE, read_cifar
from unitarygraph.tasks.files.find import given
from unitarygraph.tasks.labeled import Examples, LabeledSequences, Splits, published

PIXELS = 32 * 32
#: seed of what is divided at random
SPLIT_SEED = 50000
#: weights of red, green and blue in gray (ITU-R BT.601)
GRAY = np.array([0.299, 0.587, 0.114])


@cache
def archive(data: str, classes: int, validation: int) -> Splits:
    """Return the published sets from the files in a directory."""
    train, test = (
        Examples(images.reshape(-1, 3, PIXELS).swapaxes(1, 2), labels)
        for images, labels in read_cifar(data, classes)
    )
    return published(f"cifar{classes}", train, test, SPLIT_SEED, validation)


@dataclass(frozen=True)
class CIFAR(LabeledSequences):
    """Name what is in a 32 x 32 image after reading it pixel by pixel, row by row.

    x (1024, B, 3): red, green and blue in [0, 1], or (1024, B, 1) with ``color=False``: gray, 0.299 R +
    0.587 G + 0.114 B. ``data``: a directory with the binary or the Python form. Of the 50,000 training
    images ``validation`` are set aside, drawn at random and always the same, and are the evaluation
    set; the 10,000 others are the test set. With ``validation=0`` the test set is looked at between
    steps.
    """

    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType({"steps": 20000, "eval_every": 1000})

    data: str = ""
    color: bool = True
    validation: int = 5000

    @property
    @abstractmethod
    def classes(self) -> int:
        """10 or 100."""

    @property
    def viewed_shape(self) -> tuple[int, int]:
        """1024 steps of a pixel."""
        return PIXELS, 3 if self.color else 1

    @property
    def masked(self) -> bool:
        """All images are of one size."""
        return False

    def splits(self) -> Splits:
        """Return the data, read once."""
        return archive(given(self.name, self.data, SOURCE), self.classes, self.validation)

    def view(self, x: np.ndarray) -> np.ndarray:
        """Return values in [0, 1], gray ones in one feature."""
        return x / 255 if self.color else (x @ GRAY)[..., None] / 255


@dataclass(frozen=True)
class CIFAR10(CIFAR):
    """CIFAR-10: ten classes. See :class:`CIFAR`."""

    name: ClassVar[str] = "cifar10"

    @property
    def classes(self) -> int:
        """Ten."""
        return 10


@dataclass(frozen=True)
class CIFAR100(CIFAR):
    """CIFAR-100: its hundred fine classes. See :class:`CIFAR`."""

    name: ClassVar[str] = "cifar100"

    @property
    def classes(self) -> int:
        """A hundred."""
        return 100
