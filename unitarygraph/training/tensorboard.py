"""Rows of a run as TensorBoard events, by whichever package that writes them is installed."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unitarygraph.training.store import Row

#: modules with a ``SummaryWriter``, the first that can be imported is taken
WRITERS = ("tensorboardX", "torch.utils.tensorboard")


def summary_writer() -> Callable[..., Any]:
    """Return the class that writes events; ModuleNotFoundError where no package has one."""
    for name in WRITERS:
        try:
            return importlib.import_module(name).SummaryWriter
        except ImportError:  # torch's own asks for the package tensorboard
            continue
    raise ModuleNotFoundError(
        "--tensorboard needs tensorboardX, or torch and tensorboard, and neither is installed; "
        "install it with: pip install tensorboardX",
        name="tensorboardX",
    )


@contextmanager
def events(folder: Path, done: int) -> Iterator[Callable[[Row], None]]:
    """Give a function that writes a row's numbers as scalars, each under its own name.

    Events after step `done` that a run before this one has left are marked as void.
    """
    writer = summary_writer()(str(folder), purge_step=done + 1)

    def write(row: Row) -> None:
        for name, value in row.items():
            if name != "step" and value is not None:
                writer.add_scalar(name, value, row["step"])

    try:
        yield write
    finally:
        writer.close()
