"""Piano rolls: which of 88 keys sound at each frame, from JSON or the published pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from unitarygraph.tasks.files.find import contents, refuse
from unitarygraph.tasks.files.pickles import read_pickle

#: MIDI numbers of the lowest and the highest key
LOWEST, HIGHEST = 21, 108
KEYS = HIGHEST - LOWEST + 1
SETS = ("train", "valid", "test")
EXPECTED = f"a dict of {', '.join(SETS)}, lists of sequences of frames of MIDI numbers 21 to 108"


def read_rolls(path: Path) -> dict[str, list[np.ndarray]]:
    """Return the sequences of each set as uint8 arrays (T, 88) of zeros and ones.

    A frame is a list of the keys that sound; -1, a voice's rest in the JSON form, is none. Raises
    ValueError for a file of another form.

    Source of the pickle's form: Boulanger-Lewandowski, Bengio and Vincent, ICML 2012.
    """
    document: Any
    if path.name.removesuffix(".gz").endswith(".json"):
        try:
            document = json.loads(contents(path))
        except ValueError as error:
            raise refuse(path, EXPECTED, f"what is no JSON ({error})") from error
    else:
        document = read_pickle(path, EXPECTED)
    if isinstance(document, dict):
        document = {k.decode() if isinstance(k, bytes) else k: v for k, v in document.items()}
    if not isinstance(document, dict) or not set(SETS) <= document.keys():
        raise refuse(path, EXPECTED, f"a {type(document).__name__} without them")
    return {name: [_roll(path, frames) for frames in document[name]] for name in SETS}


def _roll(path: Path, frames: Any) -> np.ndarray:
    roll = np.zeros((len(frames), KEYS), np.uint8)
    for row, keys in zip(roll, frames, strict=True):
        for key in keys:
            if (
                isinstance(key, bool)
                or key != int(key)
                or not (key == -1 or LOWEST <= key <= HIGHEST)
            ):
                raise refuse(path, EXPECTED, f"the number {key!r}")
            if key != -1:
                row[int(key) - LOWEST] = 1
    return roll
