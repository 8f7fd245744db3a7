"""Rows of numbers as columns: a NumPy array for each name, and a pandas frame where that is there."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from typing import Any

import numpy as np


class Columns(Mapping[str, np.ndarray]):
    """The columns of a table, by name and in the order in which the names come up.

    A column of whole numbers that every row has is int64, one of other numbers float64 with NaN where
    a row has none, any other an array of objects with None there.
    """

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        names = dict.fromkeys(name for row in rows for name in row)
        self._columns = {name: _column([row.get(name) for row in rows]) for name in names}
        self._length = len(rows)

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._columns:
            raise KeyError(
                f"expected one of {', '.join(self._columns) or 'no columns'}, got {name!r}"
            )
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __repr__(self) -> str:
        return f"Columns({', '.join(self._columns)}; {self._length} rows)"

    def to_pandas(self) -> Any:
        """Return the columns as a ``pandas.DataFrame``; ImportError where pandas is missing."""
        try:
            import pandas
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "to_pandas needs the package pandas, which is not installed; "
                "install it with: pip install pandas",
                name="pandas",
            ) from error
        return pandas.DataFrame(self._columns)


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a table as CSV (RFC 4180): a header, numbers in full, nothing where a row has none."""
    names = dict.fromkeys(name for row in rows for name in row)
    text = StringIO(newline="")
    table = csv.DictWriter(text, list(names))
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def _column(values: list[Any]) -> np.ndarray:
    if all(isinstance(value, int) for value in values):
        return np.array(values, dtype=np.int64)
    if all(value is None or isinstance(value, (int, float)) for value in values):
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    return np.array(values, dtype=object)
