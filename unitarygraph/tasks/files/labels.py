"""Labels as numbers of classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from unitarygraph.tasks.files.find import refuse


def checked_labels(path: Path, labels: np.ndarray, classes: int) -> np.ndarray:
    """Return labels (N,), N > 0, as int32; ValueError unless they are integers below `classes`."""
    expected = f"labels 0 to {classes - 1}"
    if not len(labels):
        raise refuse(path, expected, "none")
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= classes:
        raise refuse(path, expected, f"others, the largest {labels.max()}")
    return labels.astype(np.int32)
