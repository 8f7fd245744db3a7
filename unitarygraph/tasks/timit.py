"""TIMIT: the next frame of speech, as log magnitudes of a short-time Fourier transform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph.tasks.files.find import find, given, refuse
from unitarygraph.tasks.files.npz import read_npy
from unitarygraph.tasks.frames import FramePrediction, Frames

SOURCE = (
    "the nine files {train,eval,test}_x.npy, ..._z.npy and lens_{train,eval,test}.npy are those that "
    "the code of expRNN makes from the corpus (LDC93S1)"
)
#: our names of the sets and the files'
SETS = {"train": "train", "validation": "eval", "test": "test"}


@cache
def archive(data: str) -> dict[str, Frames]:
    """Return the three sets from the nine files in a directory."""
    found = {ours: _set(data, theirs) for ours, theirs in SETS.items()}
    steps = max(frames.x.shape[1] for frames in found.values())
    features = {frames.x.shape[2] for frames in found.values()}
    if len(features) > 1:
        raise ValueError(f"timit: data must have one number of features, got {sorted(features)}")
    return {
        name: Frames(_to(frames.x, steps), _to(frames.z, steps), frames.lengths)
        for name, frames in found.items()
    }


def _set(data: str, name: str) -> Frames:
    """One set, checked."""
    files = (f"{name}_x.npy", f"{name}_z.npy", f"lens_{name}.npy")
    path, *others = (find(data, [file], SOURCE) for file in files)
    x, z, lengths = (read_npy(file) for file in (path, *others))
    if x.ndim != 3 or x.dtype.kind != "f" or z.shape != x.shape or z.dtype.kind != "f":
        got = f"{x.dtype} {x.shape} and {z.dtype} {z.shape}"
        raise refuse(path, "floats (utterances, frames, features), as z", got)
    lengths = lengths.reshape(-1)
    whole = lengths.dtype.kind in "iuf" and (lengths == np.floor(lengths)).all()
    if not whole or lengths.shape != x.shape[:1] or lengths.min() < 1 or lengths.max() > x.shape[1]:
        got = f"{lengths.dtype} {lengths.shape}, or others"
        raise refuse(path, f"of {len(x)} utterances whose lens are 1 to {x.shape[1]}", got)
    return Frames(x, z, lengths.astype(np.int64))


def _to(array: np.ndarray, steps: int) -> np.ndarray:
    """The array with so many frames, zeros behind its own."""
    return np.pad(array, ((0, 0), (0, steps - array.shape[1]), (0, 0)))


@dataclass(frozen=True)
class Timit(FramePrediction):
    """Predict the next frame of speech.

    x (T, B, 129): log magnitudes of 8 kHz speech in windows of 256, hop 128; z: the same one frame
    later; mask by length. The loss is the mean squared error, averaged over a frame's numbers and then
    over valid frames, as expRNN's code does; the metric ``mse_all_frames`` divides by all frames,
    padding included, as Wisdom et al. did, whose figures are therefore smaller.

    ``data``: the directory with the nine .npy files of expRNN's preparation. Its eval set is the
    evaluation set, its test set the test set.
    """

    name: ClassVar[str] = "timit"
    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType({"steps": 10000, "eval_every": 500})

    data: str = ""

    @property
    def baseline(self) -> None:
        """None is known."""
        return

    def sets(self) -> dict[str, Frames]:
        """Return the data, read once."""
        return archive(given(self.name, self.data, SOURCE))

    def frame_loss(self, outputs: TensorVariable, z: TensorVariable) -> TensorVariable:
        """Return the mean squared error of each frame."""
        return pt.sqr(outputs - z).mean(axis=-1)

    def metrics(
        self, outputs: TensorVariable, *targets: TensorVariable
    ) -> dict[str, TensorVariable]:
        """Return the error over valid frames, and divided by all frames of the batch."""
        loss, mask = self.loss(outputs, *targets), targets[1]
        return {"mse": loss, "mse_all_frames": loss * mask.mean()}
