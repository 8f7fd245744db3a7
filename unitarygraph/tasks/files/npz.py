"""NumPy's .npy and .npz files of plain arrays."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from unitarygraph.tasks.files.find import refuse


def read_npz(path: Path, required: Iterable[str]) -> dict[str, np.ndarray]:
    """Return the arrays of an archive by name.

    Raises ValueError for a file that is none or is cut, that lacks a required array, or holds Python
    objects, which are never unpickled.
    """
    expected = f"an .npz file with the arrays {', '.join(required)}"
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise refuse(path, expected, "one array")
            arrays = {name: archive[name] for name in archive.files}
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise refuse(path, expected, f"a damaged one ({error})") from error
    except ValueError as error:
        if str(error).startswith("data: "):
            raise
        raise refuse(path, expected, "no archive, or one of Python objects") from error
    missing = [name for name in required if name not in arrays]
    if missing:
        raise refuse(path, expected, f"{', '.join(sorted(arrays)) or 'none'}")
    return arrays


def read_npy(path: Path) -> np.ndarray:
    """Return the array of an .npy file; ValueError for one that is none, is cut, or holds objects."""
    try:
        with path.open("rb") as file:
            array = np.load(file, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise refuse(path, "an .npy file of numbers", f"a damaged one ({error})") from error
    if not isinstance(array, np.ndarray):
        raise refuse(path, "an .npy file of numbers", "an archive")
    return array
