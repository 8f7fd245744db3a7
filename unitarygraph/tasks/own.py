"""Anybody's own labelled sequences: arrays, rows of text, and the UEA and UCR archives' .ts files."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from unitarygraph.tasks.files.find import find, given, refuse
from unitarygraph.tasks.files.npz import read_npz
from unitarygraph.tasks.files.rows import read_rows
from unitarygraph.tasks.files.ts import Series, read_ts
from unitarygraph.tasks.labeled import Examples, LabeledSequences, Splits, divided


@dataclass(frozen=True, eq=False)
class Read:
    """What files hold: all examples, their own test set where there is one, the number of classes."""

    examples: Examples
    test: Examples | None
    classes: int


@dataclass(frozen=True)
class OwnSequences(LabeledSequences):
    """Sequences from the user's own files.

    ``validation`` and ``test`` are shares of all sequences, drawn at random by ``split_seed``: the
    first are the evaluation set. Where the files have a test set of their own, ``test`` is not used.
    """

    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType({"steps": 5000, "eval_every": 250})

    data: str = ""
    validation: float = 0.15
    test: float = 0.15
    split_seed: int = 0

    def __post_init__(self) -> None:
        for option, share in (("validation", self.validation), ("test", self.test)):
            if not 0 <= share < 1:
                raise ValueError(
                    f"{self.name}: {option} must be a share, at least 0 and below 1, got {share}"
                )

    @abstractmethod
    def read(self) -> Read:
        """Return what the files hold."""

    @property
    def classes(self) -> int:
        """As many as the files have."""
        return _read(self).classes

    @property
    def baseline(self) -> float:
        """Cross-entropy of the guess that knows how frequent the training classes are."""
        share = np.bincount(self.splits().train.y, minlength=self.classes) / len(
            self.splits().train
        )
        return float(-(share[share > 0] * np.log(share[share > 0])).sum())

    def splits(self) -> Splits:
        """Return the data, read once."""
        return _splits(self)


@cache
def _read(task: OwnSequences) -> Read:
    return task.read()


@cache
def _splits(task: OwnSequences) -> Splits:
    read = _read(task)
    whole = len(read.examples)
    validation = round(task.validation * whole)
    test = read.test if read.test is not None else round(task.test * whole)
    kept = test if isinstance(test, int) else 0
    if validation + kept >= whole or not validation + (kept or len(read.test or ())):
        raise ValueError(
            f"{task.name}: of {whole} sequences validation={task.validation} and test={task.test} "
            f"leave {whole - validation - kept} to train on and {validation + kept} to evaluate; "
            "both must be more than 0"
        )
    return divided(read.examples, task.split_seed, validation, test)


@dataclass(frozen=True)
class Npz(OwnSequences):
    """Name the class of each sequence in an .npz file.

    Arrays: ``x`` (N, T, features) or (N, T), real and finite; ``y`` (N,), integers from 0; where
    lengths vary, ``lengths`` (N,), and x may hold anything finite after the end. A test set of its own
    is ``x_test``, ``y_test`` and, where there are lengths, ``lengths_test``, of as many steps. Options
    as :class:`OwnSequences`.
    """

    name: ClassVar[str] = "npz"

    def read(self) -> Read:
        """Return the file's arrays, checked."""
        source = "it is a file of numpy.savez with the arrays x and y"
        path = find(given(self.name, self.data, source), [Path(self.data).name], source)
        arrays = read_npz(path, ["x", "y"])
        examples = _checked(path, arrays, "")
        test = _checked(path, arrays, "_test") if "x_test" in arrays else None
        if test is not None and (
            test.x.shape[1:] != examples.x.shape[1:]
            or (test.lengths is None) != (examples.lengths is None)
        ):
            raise refuse(
                path,
                "x_test of x's steps and features, with lengths_test as lengths",
                f"x {examples.x.shape} and x_test {test.x.shape}",
            )
        largest = max(int(part.y.max()) for part in (examples, test) if part is not None)
        return Read(examples, test, largest + 1)


def _checked(path: Path, arrays: Mapping[str, np.ndarray], end: str) -> Examples:
    """x, y and lengths of one set."""
    x, y, lengths = (arrays.get(f"{name}{end}") for name in ("x", "y", "lengths"))
    assert x is not None
    if x.ndim not in (2, 3) or x.dtype.kind not in "biuf" or not x.size or not np.isfinite(x).all():
        got = f"{x.dtype} {x.shape}{'' if x.dtype.kind in 'biu' else ', or with NaN or infinity'}"
        raise refuse(path, f"an archive whose x{end} is (N, T, features) or (N, T), finite", got)
    if y is None or y.shape != x.shape[:1] or y.dtype.kind not in "iu" or y.min() < 0:
        got = "none" if y is None else f"{y.dtype} {y.shape}"
        raise refuse(path, f"an archive whose y{end} is ({len(x)},), integers from 0", got)
    if lengths is not None and (
        lengths.shape != y.shape
        or lengths.dtype.kind not in "iu"
        or lengths.min() < 1
        or lengths.max() > x.shape[1]
    ):
        got = f"{lengths.dtype} {lengths.shape}, or others"
        raise refuse(path, f"an archive whose lengths{end} are ({len(x)},), 1 to {x.shape[1]}", got)
    return Examples(x if x.ndim == 3 else x[..., None], y.astype(np.int32), lengths)


@dataclass(frozen=True)
class Csv(OwnSequences):
    """Name the class of each row of a text file: a label, then the values of the steps.

    Values are divided by commas or tabs, one feature a step, as in the UCR archive's .tsv files; a
    first row of names is skipped. Labels are any texts, numbered in sorted order. Options as
    :class:`OwnSequences`.
    """

    name: ClassVar[str] = "csv"

    def read(self) -> Read:
        """Return the file's rows."""
        source = "it is a text file of rows LABEL,VALUE,VALUE,..."
        values, labels = read_rows(
            find(given(self.name, self.data, source), [Path(self.data).name], source)
        )
        names = sorted(set(labels))
        return Read(Examples(values[..., None], _numbers(labels, names)), None, len(names))


@dataclass(frozen=True)
class Ucr(OwnSequences):
    """Name the class of each series of a UEA or UCR problem.

    ``data``: the directory with NAME_TRAIN.ts and NAME_TEST.ts, or the first of these files. The second
    is the test set. Series of several lengths are filled up with zeros behind a mask. Labels are
    numbered in sorted order. Options as :class:`OwnSequences`.
    """

    name: ClassVar[str] = "ucr"

    def read(self) -> Read:
        """Return the two files' series."""
        source = "the .ts files are those of timeseriesclassification.com"
        place = Path(given(self.name, self.data, source)).expanduser()
        found = [place] if place.is_file() else sorted(place.glob("*_TRAIN.ts"))
        if len(found) != 1:
            raise FileNotFoundError(
                f"{self.name}: data must be NAME_TRAIN.ts or a directory with one such file, got "
                f"{str(place)!r} with {len(found)}; {source}"
            )
        other = found[0].with_name(found[0].name.replace("_TRAIN.ts", "_TEST.ts"))
        if other == found[0]:
            raise FileNotFoundError(
                f"{self.name}: data must be named NAME_TRAIN.ts, got {other.name}"
            )
        both = [read_ts(find(path, [path.name], source)) for path in (found[0], other)]
        names = sorted({label for _, labels in both for label in labels})
        channels = {len(part[0][0].T) for part in both}
        if len(channels) > 1:
            raise refuse(other, f"series of {len(both[0][0][0].T)} channels", f"{channels}")
        lengths = [len(series) for part in both for series in part[0]]
        train, test = (
            _filled(part, names, max(lengths), masked=len(set(lengths)) > 1) for part in both
        )
        return Read(train, test, len(names))


def _filled(part: Series, names: Sequence[str], steps: int, masked: bool) -> Examples:
    """Series of several lengths in one array."""
    series, labels = part
    x = np.zeros((len(series), steps, len(series[0].T)))
    for row, values in zip(x, series, strict=True):
        row[: len(values)] = values
    lengths = np.array([len(values) for values in series]) if masked else None
    return Examples(x, _numbers(labels, names), lengths)


def _numbers(labels: Sequence[str], names: Sequence[str]) -> np.ndarray:
    return np.array([names.index(label) for label in labels], np.int32)
