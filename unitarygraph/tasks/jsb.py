"""Bach's chorales and other polyphonic music: which keys sound next?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph.tasks.files.find import find, given, refuse
from unitarygraph.tasks.files.rolls import EXPECTED, KEYS, read_rolls
from unitarygraph.tasks.frames import FramePrediction, Frames

NAMES = ("JSB Chorales.pickle", "Jsb16thSeparated.json")
SOURCE = (
    f"{NAMES[0]} is Boulanger-Lewandowski's (Nottingham, MuseData and Piano-midi have its form), "
    f"{NAMES[1]} is in the repository JSB-Chorales-dataset"
)


@cache
def archive(data: str) -> dict[str, Frames]:
    """Return the three sets of a file."""
    place = Path(data).expanduser()
    path = place if place.is_file() else find(place, NAMES, SOURCE)
    rolls = read_rolls(path)
    if any(len(roll) < 2 for part in rolls.values() for roll in part) or not all(rolls.values()):
        raise refuse(path, EXPECTED, "an empty set or a sequence of less than two frames")
    steps = max(len(roll) for part in rolls.values() for roll in part) - 1
    names = {"train": "train", "validation": "valid", "test": "test"}
    return {ours: _filled(rolls[theirs], steps) for ours, theirs in names.items()}


def _filled(rolls: list[np.ndarray], steps: int) -> Frames:
    """Each frame but the last, and the one after it."""
    x = np.zeros((len(rolls), steps, KEYS), np.uint8)
    z, lengths = np.zeros_like(x), np.array([len(roll) - 1 for roll in rolls])
    for i, roll in enumerate(rolls):
        x[i, : len(roll) - 1], z[i, : len(roll) - 1] = roll[:-1], roll[1:]
    return Frames(x, z, lengths)


@dataclass(frozen=True)
class Jsb(FramePrediction):
    r"""Predict which of 88 keys sound in the next frame.

    x (T, B, 88): the keys that sound, z: those one frame later; mask by length. The loss is the negative
    log likelihood of a frame, keys independent given the past, averaged over frames:

    .. math:: \sum_k \log(1 + e^{o_k}) - z_k o_k

    the figure of Boulanger-Lewandowski et al., whose first frame of each sequence is not predicted here.
    The baseline is 88 ln 2, the guess that knows nothing. ``data``: the published pickle, read without
    pickle's power, or the JSON form, whose frames are sixteenths; or the directory with one of them.
    """

    name: ClassVar[str] = "jsb"
    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {"steps": 3000, "eval_every": 100, "batch": 16}
    )

    data: str = ""

    @property
    def baseline(self) -> float:
        """Every key as likely to sound as not."""
        return KEYS * math.log(2)

    def sets(self) -> dict[str, Frames]:
        """Return the data, read once."""
        return archive(given(self.name, self.data, SOURCE))

    def frame_loss(self, outputs: TensorVariable, z: TensorVariable) -> TensorVariable:
        """Return the negative log likelihood of each frame."""
        return (pt.softplus(outputs) - z * outputs).sum(axis=-1)

    def metrics(
        self, outputs: TensorVariable, *targets: TensorVariable
    ) -> dict[str, TensorVariable]:
        """Return the negative log likelihood under its name."""
        return {"nll": self.loss(outputs, *targets)}
