"""Text files of one sequence a row, its values divided by commas or tabs."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from unitarygraph.tasks.files.find import contents, refuse


def read_rows(path: Path) -> tuple[np.ndarray, list[str]]:
    """Return values (N, T), float64, and the texts of the first column (N,).

    A first row whose values are no numbers is a head and is skipped. Raises ValueError for rows of
    several lengths, values that are no finite numbers, and a file without rows.
    """
    expected = "rows of a label and as many numbers each, divided by commas or tabs"
    try:
        text = contents(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refuse(path, expected, "a file that is no text") from error
    delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
    rows = [row for row in csv.reader(text.splitlines(), delimiter=delimiter) if row]
    if rows and not any(_number(x) for x in rows[0][1:]):
        rows = rows[1:]
    if not rows or len(rows[0]) < 2:
        raise refuse(path, expected, "none")
    for number, row in enumerate(rows, 1):
        if len(row) != len(rows[0]):
            raise refuse(
                path, f"{expected}, {len(rows[0])} as in the first", f"{len(row)} in row {number}"
            )
        wrong = [x for x in row[1:] if not _number(x)]
        if wrong:
            raise refuse(path, expected, f"{wrong[0]!r} in row {number}")
    return np.array([row[1:] for row in rows], float), [row[0].strip() for row in rows]


def _number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False
