"""CIFAR-10 and CIFAR-100, in the binary and in the Python form."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from unitarygraph.tasks.files.find import contents, find, refuse
from unitarygraph.tasks.files.labels import checked_labels
from unitarygraph.tasks.files.pickles import read_pickle

#: bytes of an image: red, green and blue plane of 32 rows of 32 pixels
IMAGE = 3 * 32 * 32
SOURCE = "the files are those of https://www.cs.toronto.edu/~kriz/cifar.html, unpacked"
#: training files and test file of each data set, in the binary and the Python form
FILES = {
    10: (
        ([f"data_batch_{i}.bin" for i in range(1, 6)], "test_batch.bin", "cifar-10-batches-bin"),
        ([f"data_batch_{i}" for i in range(1, 6)], "test_batch", "cifar-10-batches-py"),
    ),
    100: (
        (["train.bin"], "test.bin", "cifar-100-binary"),
        (["train"], "test", "cifar-100-python"),
    ),
}
#: the names of labels in the Python form, by the number of classes
KEYS = {10: b"labels", 100: b"fine_labels"}

Images = tuple[np.ndarray, np.ndarray]


def read_cifar(data: str | Path, classes: int) -> tuple[Images, Images]:
    """Return images (N, 3072), uint8, and labels (N,) for training and test; `classes` is 10 or 100.

    CIFAR-100's labels are the fine ones. Raises FileNotFoundError and ValueError as the package says.
    """
    forms = dict(zip((_binary, _python), FILES[classes], strict=True))
    places = {
        read: [training[0], f"{folder}/{training[0]}"]
        for read, (training, _, folder) in forms.items()
    }
    first = find(data, chain.from_iterable(places.values()), SOURCE)
    read = next(r for r, names in places.items() if first.name.removesuffix(".gz") in names)
    training, test, _ = forms[read]
    *parts, last = (read(find(first.parent, [name], SOURCE), classes) for name in (*training, test))
    images, labels = (np.concatenate(column) for column in zip(*parts, strict=True))
    return (images, labels), last


def _binary(path: Path, classes: int) -> Images:
    """Rows of the label, or the coarse and the fine label, and the image."""
    head = 1 if classes == 10 else 2
    raw = np.frombuffer(contents(path), np.uint8)
    if not len(raw) or len(raw) % (head + IMAGE):
        raise refuse(path, f"rows of {head + IMAGE} bytes", f"{len(raw)} bytes")
    rows = raw.reshape(-1, head + IMAGE)
    return rows[:, head:], checked_labels(path, rows[:, head - 1], classes)


def _python(path: Path, classes: int) -> Images:
    """A pickled dict of an array of images and a list of labels."""
    expected = f"a dict with b'data' (N, {IMAGE}) of uint8 and {KEYS[classes]!r}"
    batch: Any = read_pickle(path, expected)
    if isinstance(batch, dict):
        batch = {key.encode() if isinstance(key, str) else key: x for key, x in batch.items()}
    if not isinstance(batch, dict) or not {b"data", KEYS[classes]} <= batch.keys():
        raise refuse(path, expected, f"a {type(batch).__name__} without them")
    images = batch[b"data"]
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.ndim != 2:
        raise refuse(path, expected, f"b'data' of type {type(images).__name__}")
    labels = np.asarray(batch[KEYS[classes]])
    if images.shape[1] != IMAGE or labels.shape != images.shape[:1]:
        raise refuse(path, expected, f"arrays of shape {images.shape} and {labels.shape}")
    return images, checked_labels(path, labels, classes)
