"""The IDX format of MNIST: a magic number, the lengths of the axes, then bytes, all big-endian."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from unitarygraph.tasks.files.find import contents, refuse

#: the format's number for unsigned bytes
UNSIGNED = 8


def read_idx(path: Path, axes: int) -> np.ndarray:
    """Return the uint8 array of an IDX file with so many axes; ValueError where it is none or cut.

    Source of the format: LeCun, Cortes and Burges, "The MNIST database of handwritten digits".
    """
    raw = contents(path)
    expected, start = f"an IDX file of bytes with {axes} axes", 4 + 4 * axes
    if raw[:4] != bytes([0, 0, UNSIGNED, axes]) or len(raw) < start:
        raise refuse(path, expected, f"one that begins with the bytes {raw[:4].hex(' ') or 'none'}")
    shape = tuple(np.frombuffer(raw, ">u4", axes, 4).tolist())
    if len(raw) - start != math.prod(shape):
        raise refuse(
            path, f"{expected}, {math.prod(shape)} bytes by its head", str(len(raw) - start)
        )
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)
