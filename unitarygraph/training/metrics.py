"""metrics.jsonl: one JSON object a logged step."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from unitarygraph.training.durable import write_atomically

Row = dict[str, Any]


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a metrics file; a last line cut off by a kill is left out."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


class MetricsLog:
    """Appends rows to a metrics file, a whole line at a time."""

    def __init__(self, path: Path, keep_to: int = 0) -> None:
        """Open the file after cutting it back to the rows up to step `keep_to`."""
        self.path = path
        self.rows = [row for row in read_rows(path) if row["step"] <= keep_to]
        write_atomically(path, "".join(map(_line, self.rows)).encode())
        self._file = open(path, "ab")  # noqa: SIM115

    def append(self, row: Row) -> None:
        """Write one row; it is with the operating system when this returns."""
        self._file.write(_line(row).encode())
        self._file.flush()
        self.rows.append(row)

    def sync(self) -> None:
        """Flush the file to the disk, so that no checkpoint is ahead of it."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _line(row: Row) -> str:
    return json.dumps(row, allow_nan=False) + "\n"
