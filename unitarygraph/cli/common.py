"""The program itself, what its commands share, and errors in words."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from unitarygraph import tasks

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Train unitary recurrent networks and their relatives.",
)

Directory = Annotated[Path, typer.Argument(metavar="DIR", help="a run directory")]
Task = Annotated[str, typer.Argument(metavar="TASK", help=", ".join(tasks.names()))]
Resume = Annotated[bool, typer.Option("--resume", help="continue the run in DIR")]
Force = Annotated[bool, typer.Option("--force", help="overwrite the run in DIR")]


def read_assignments(texts: list[str], option: str = "--set") -> dict[str, str]:
    """Return ``key=value`` texts as a dict; ValueError for one without "=" and for a repetition."""
    read: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise ValueError(f"{option}: expected KEY=VALUE, got {text!r}")
        if key in read:
            raise ValueError(f"{key} is given twice")
        read[key] = value
    return read


def refusal(error: NotImplementedError) -> typer.Exit:
    """Say which backend cannot run which model, and return the exit."""
    print(f"error: {error}", file=sys.stderr)
    return typer.Exit(1)


@contextmanager
def errors_in_words() -> Iterator[None]:
    """Turn what a user can cause into one line on stderr: exit 2, or 1 for missing packages."""
    try:
        yield
    except (ImportError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1 if isinstance(error, ImportError) else 2) from None
