"""The weights of a trained model as NumPy arrays by name, and as a file of them."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np

from unitarygraph.core.layout import is_complex, to_complex
from unitarygraph.models.base import Model
from unitarygraph.training.store import write_atomically


def weights_of(model: Model) -> dict[str, np.ndarray]:
    """Return a model's parameters and statistics by name, and its recurrent matrices multiplied out.

    What is a complex variable is a complex array, all else as it is stored. ``recurrent`` is the
    hidden-to-hidden matrix (n, n) that the parameters stand for, complex or real; where several
    layers have one they are ``recurrent_1``, ``recurrent_2``, ...
    """
    found = {}
    for variable in (*model.params, *model.buffers):
        value = np.array(variable.get_value())
        found[variable.name] = to_complex(value) if is_complex(variable) else value
    matrices = model.recurrent_matrices()
    for number, matrix in enumerate(matrices, 1):
        name = "recurrent" if len(matrices) == 1 else f"recurrent_{number}"
        if name in found:
            raise ValueError(
                f"export: a parameter is called {name!r}, as W multiplied out would be"
            )
        found[name] = np.array(matrix)
    return found


def write_weights(path: Path, weights: dict[str, np.ndarray], force: bool = False) -> None:
    """Write arrays to an ``.npz`` file that ``numpy.load`` reads without pickle.

    Raises ValueError for a name that does not end so, and FileExistsError unless `force`.
    """
    if path.suffix != ".npz":
        raise ValueError(f"export: expected a file name that ends in .npz, got {path}")
    if path.exists() and not force:
        raise FileExistsError(f"export: {path} is there already; --force writes it anew")
    content = BytesIO()
    np.savez(content, **weights)  # type: ignore[arg-type]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content.getvalue())
