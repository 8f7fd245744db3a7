"""Models and tasks by name: built in, brought by other packages, or ``module:Class``."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any


@dataclasses.dataclass(frozen=True)
class Registry:
    """The classes of one kind, dataclasses whose fields are their options.

    Parameters
    ----------
    kind
        "model" or "task"; other packages bring theirs in the entry-point group
        ``unitarygraph.models`` or ``unitarygraph.tasks``.
    base
        What all of them are derived from.
    built_in
        Name -> ``module:Class``. Nothing is imported before it is asked for.
    common
        Fields that are no options.
    """

    kind: str
    base: type
    built_in: Mapping[str, str]
    common: tuple[str, ...] = ()

    def names(self) -> list[str]:
        """Return all names, sorted."""
        brought = {point.name for point in _points(self._group, tuple(sys.path))}
        return sorted({*self.built_in, *brought})

    def lookup(self, name: str) -> Any:
        """Return the class called `name`, which may be ``module:Class``.

        Raises
        ------
        ValueError
            For a name that nothing has (the message lists the names), that two packages claim, or
            that is built in and an entry point claims too.
        ImportError
            Where the class cannot be imported, or is not derived from `base`.
        """
        kind = self.kind
        if ":" in name:
            return self._loaded(name, EntryPoint(name, name, self._group))
        points = [point for point in _points(self._group, tuple(sys.path)) if point.name == name]
        if name in self.built_in:
            if points:
                raise ValueError(
                    f"{kind} {name!r} is built in and keeps its name, but {_origin(points[0])} "
                    f"claims it too: give that another name, or uninstall it"
                )
            return self._loaded(name, EntryPoint(name, self.built_in[name], self._group))
        if not points:
            raise ValueError(
                f"{kind}: expected one of {', '.join(self.names())}, got {name!r} "
                f"(a class elsewhere is written module:Class)"
            )
        if len({point.value for point in points}) > 1:
            raise ValueError(
                f"{kind} {name!r} is claimed by {' and '.join(sorted(map(_origin, points)))}"
            )
        return self._loaded(f"{name}: {_origin(points[0])}", points[0])

    def options_of(self, name: str) -> dict[str, Any]:
        """Return the options of a class and their defaults."""
        fields = dataclasses.fields(self.lookup(name))
        return {field.name: field.default for field in fields if field.name not in self.common}

    def build(self, name: str, *arguments: Any, **options: Any) -> Any:
        """Make one called `name`; TypeError for an option that it does not have."""
        made = self.lookup(name)
        known = sorted(field.name for field in dataclasses.fields(made) if field.kw_only)
        known = known or sorted(self.options_of(name))
        for key in options:
            if key not in known:
                raise TypeError(f"{name}: expected options among {known}, got {key!r}")
        return made(*arguments, **options)

    @property
    def _group(self) -> str:
        return f"unitarygraph.{self.kind}s"

    def _loaded(self, what: str, point: EntryPoint) -> Any:
        module, _, attribute = point.value.partition(":")
        try:
            found = getattr(import_module(module.strip()), attribute.strip())
        except Exception as error:
            raise ImportError(
                f"{self.kind} {what} cannot be loaded: {type(error).__name__}: {error}"
            ) from error
        if not (isinstance(found, type) and issubclass(found, self.base)):
            raise ImportError(
                f"{self.kind} {what} must be a class derived from "
                f"{self.base.__module__}.{self.base.__name__}, got {found!r}"
            )
        return found


@lru_cache(maxsize=8)
def _points(group: str, path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Entry points of a group; `path`, sys.path, is where they are looked for."""
    return tuple(entry_points(group=group))


def _origin(point: EntryPoint) -> str:
    package = f" of {point.dist.name}" if point.dist is not None else ""
    return f"the entry point {point.value}{package}"
