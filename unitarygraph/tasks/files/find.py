"""Where a file lies, and what is in it, packed or not."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable
from pathlib import Path

GZIP = b"\x1f\x8b"


def given(task: str, data: str, source: str) -> str:
    """Return the path of a task's data; FileNotFoundError, which says where one gets it, for none."""
    if not data:
        raise FileNotFoundError(f"{task}: data must be given, --set data=PATH; {source}")
    return data


def find(data: str | Path, names: Iterable[str], source: str) -> Path:
    """Return the first of some files that is there: ``data`` itself or below it, plain or ``.gz``.

    `names` are file names, of which ``data`` may be one, or paths below it; `source` says where one
    gets them. Raises FileNotFoundError where none is there.
    """
    place, names = Path(data).expanduser(), list(names)
    if not place.exists():
        raise FileNotFoundError(f"data: there is no file or directory {str(place)!r}; {source}")
    for name in (f"{name}{end}" for name in names for end in ("", ".gz")):
        if place.is_file() and place.name == Path(name).name:
            return place
        if (place / name).is_file():
            return place / name
    raise FileNotFoundError(
        f"data: {str(place)!r} has none of the files {', '.join(names)} (or .gz); {source}"
    )


def contents(path: Path) -> bytes:
    """Return the bytes of a file, unpacked where it is a gzip file; ValueError where that is damaged."""
    packed = path.read_bytes()
    if not packed.startswith(GZIP):
        return packed
    try:
        return gzip.decompress(packed)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"data: {str(path)!r} is no whole gzip file: {error}") from error


def refuse(path: Path, expected: str, got: str) -> ValueError:
    """Return the error for a file that is not what it should be."""
    return ValueError(f"data: {str(path)!r} should be {expected}, got {got}")
