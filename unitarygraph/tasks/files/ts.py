"""The .ts text format of the UEA and UCR archives: labelled series of one or more channels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from unitarygraph.tasks.files.find import contents, refuse

Series = tuple[list[np.ndarray], list[str]]


def read_ts(path: Path) -> Series:
    """Return series (T, channels) of one length or several, float64, and the label of each.

    Lines of ``@key value`` say what the file holds; after ``@data`` a line is a series, its channels
    divided by colons, their values by commas, the label last. Raises ValueError for a file that is
    none, one without labels, with time stamps or missing values, and for lines that do not fit.

    Source of the format: Bagnall et al., "The UEA multivariate time series classification archive",
    arXiv:1811.00075.
    """
    expected = "a .ts file of labelled series"
    try:
        lines = contents(path).decode().splitlines()
    except UnicodeDecodeError as error:
        raise refuse(path, expected, "a file that is no text") from error
    head, body = _divided(path, lines)
    if head.get("timestamps", "false") == "true":
        raise refuse(path, expected + " without time stamps", "one with @timeStamps true")
    if not head.get("classlabel", "").startswith("true"):
        raise refuse(path, expected, "one without @classLabel true")
    classes = head["classlabel"].split()[1:]
    series: list[np.ndarray] = []
    labels: list[str] = []
    for number, line in body:
        *channels, label = line.split(":")
        where = f"line {number}: {line[:40]!r}"
        if label.strip() not in classes:
            raise refuse(path, f"{expected}, each with a label of {classes}", where)
        try:
            values = [[float(x) for x in channel.split(",")] for channel in channels]
            whole = np.array(values).T
            if not np.isfinite(whole).all():
                raise ValueError("not finite")
        except ValueError as error:
            raise refuse(path, f"{expected} of numbers, none missing", where) from error
        if whole.ndim != 2 or not whole.size or len({len(s.T) for s in [*series[:1], whole]}) > 1:
            raise refuse(path, f"{expected}, all of as many channels", where)
        series.append(whole)
        labels.append(label.strip())
    if not series:
        raise refuse(path, expected, "one without data")
    return series, labels


def _divided(path: Path, lines: list[str]) -> tuple[dict[str, str], list[tuple[int, str]]]:
    """The keys of the head, small letters, and the numbered lines of the body."""
    head: dict[str, str] = {}
    body: list[tuple[int, str]] | None = None
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        if body is not None:
            body.append((number, line))
        elif line.lower() == "@data":
            body = []
        elif line.startswith("@"):
            key, _, value = line[1:].partition(" ")
            head[key.lower()] = value.strip().lower() if key.lower() != "classlabel" else value
    if body is None:
        raise refuse(path, "a .ts file of labelled series", "one without a line @data")
    if "classlabel" in head:
        flag, _, names = head["classlabel"].strip().partition(" ")
        head["classlabel"] = f"{flag.lower()} {names}"
    return head, body
