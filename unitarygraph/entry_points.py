"""Models and tasks from outside the package: by entry points, or as ``module:Class``."""

from __future__ import annotations

import sys
from collections.abc import Collection
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any


def names(kind: str) -> list[str]:
    """Return the names of a kind ("model", "task") that installed packages bring, sorted."""
    return sorted({point.name for point in _points(kind, tuple(sys.path))})


def lookup(kind: str, name: str, base: type, known: Collection[str]) -> Any:
    """Return the class that an entry point calls `name`, or that ``module:Class`` says.

    Entry points stand in the group ``unitarygraph.models`` or ``unitarygraph.tasks``. None is
    loaded before it is asked for.

    Raises
    ------
    ValueError
        For a name that nothing has (the message lists `known`), or that two packages claim.
    ImportError
        Where the class cannot be imported, or is not derived from `base`.
    """
    if ":" in name:
        return _loaded(kind, name, EntryPoint(name, name, _group(kind)), base)
    points = [point for point in _points(kind, tuple(sys.path)) if point.name == name]
    if not points:
        raise ValueError(
            f"{kind}: expected one of {', '.join(sorted(known))}, got {name!r} "
            f"(a class elsewhere is written module:Class)"
        )
    if len({point.value for point in points}) > 1:
        raise ValueError(
            f"{kind} {name!r} is claimed by {' and '.join(sorted(map(_origin, points)))}"
        )
    return _loaded(kind, f"{name}: {_origin(points[0])}", points[0], base)


def check_built_in(kind: str, name: str) -> None:
    """Raise ValueError where an installed package claims the name of something built in."""
    points = [point for point in _points(kind, tuple(sys.path)) if point.name == name]
    if points:
        raise ValueError(
            f"{kind} {name!r} is built in and keeps its name, but {_origin(points[0])} claims it "
            f"too: give that another name, or uninstall it"
        )


@lru_cache(maxsize=8)
def _points(kind: str, path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Entry points of a kind; `path`, sys.path, is where they are looked for."""
    return tuple(entry_points(group=_group(kind)))


def _group(kind: str) -> str:
    return f"unitarygraph.{kind}s"


def _origin(point: EntryPoint) -> str:
    package = f" of {point.dist.name}" if point.dist is not None else ""
    return f"the entry point {point.value}{package}"


def _loaded(kind: str, what: str, point: EntryPoint, base: type) -> Any:
    module, _, attribute = point.value.partition(":")
    try:
        found = getattr(import_module(module.strip()), attribute.strip())
    except Exception as error:
        raise ImportError(
            f"{kind} {what} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ImportError(
            f"{kind} {what} must be a class derived from {base.__module__}.{base.__name__}, "
            f"got {found!r}"
        )
    return found
