"""How long compiling took the last time, kept beside what PyTensor keeps of compiled code."""

from __future__ import annotations

import json
from pathlib import Path

import pytensor

from unitarygraph.training.store import write_atomically

NAME = "unitarygraph-compile-times.json"


def last_time(what: str) -> float | None:
    """Return the seconds that compiling `what` took the last time, None where nothing is known."""
    try:
        seconds = json.loads(_file().read_text())[what]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return float(seconds) if isinstance(seconds, int | float) else None


def remember(what: str, seconds: float) -> None:
    """Keep the seconds; where nothing can be written they are forgotten."""
    try:
        times = json.loads(_file().read_text())
    except (OSError, ValueError):
        times = {}
    if not isinstance(times, dict):
        times = {}
    try:
        write_atomically(_file(), json.dumps(times | {what: round(seconds, 1)}).encode())
    except OSError:
        return


def _file() -> Path:
    return Path(pytensor.config.compiledir) / NAME
