"""Pickles of arrays, lists and strings, read without the power to call anything else."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

from unitarygraph.tasks.files.find import contents, refuse

#: what a pickle of arrays names: by NumPy 1 and 2, and by Python 2 for its strings
ALLOWED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("_codecs", "encode"),
}


class ArrayUnpickler(pickle.Unpickler):
    """An unpickler that knows arrays alone."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what a pickle of arrays may name; UnpicklingError for anything else."""
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module, name)


def read_pickle(path: Path, expected: str) -> Any:
    """Return what a pickle of arrays, lists, numbers and strings holds; those of Python 2 as bytes.

    Raises ValueError, which says that the file should be `expected`, where it is damaged or names
    anything but NumPy's arrays: no code of it is run.
    """
    try:
        return ArrayUnpickler(io.BytesIO(contents(path)), encoding="bytes").load()
    except Exception as error:  # a damaged pickle may raise anything
        raise refuse(path, expected, f"what cannot be read ({error})") from error
