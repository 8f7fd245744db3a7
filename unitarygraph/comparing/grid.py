"""Grids over settings: the product of the values of some options, each a variant of every model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

from unitarygraph.training.options import spelled_out
from unitarygraph.training.settings import spoken

#: what a grid cannot be over, and why
REFUSED = {
    "seed": "a comparison runs the seeds 0, 1, ...: write --seeds",
    "steps": "all runs have one budget",
    "minutes": "all runs have one budget",
}

Point = dict[str, Any]


def points_of(
    grid: Mapping[str, Iterable[Any]], assignments: Iterable[str], said: str = "--grid "
) -> list[Point]:
    """Return the points of a grid, values by option, the last option varying fastest.

    `assignments` are the keys that are set beside it. An empty grid has one point without options.

    Raises
    ------
    ValueError
        For seeds and budgets, an option without values or with one value twice, an option that is
        set as well (for one model, too) or that the grid has twice.
    """
    for key in grid:
        plain = key.removeprefix("training.")
        if plain in REFUSED:
            raise ValueError(f"{said}{key}: {REFUSED[plain]}")
    values = {key: _values(key, given, said) for key, given in grid.items()}
    longs = [spelled_out(key) for key in grid]
    for key, long in zip(grid, longs, strict=True):
        if longs.count(long) > 1:
            raise ValueError(f"{said}{key}: the grid has this option twice")
        for other in assignments:
            if long in (spelled_out(other), spelled_out(other.partition(".")[2])):
                raise ValueError(f"{said}{key}: {other} is set as well, expected one of the two")
    return [dict(zip(values, point, strict=True)) for point in product(*values.values())]


def _values(key: str, given: Iterable[Any], said: str) -> list[Any]:
    values = [v.strip() for v in given.split(",")] if isinstance(given, str) else list(given)
    if not values or "" in values:
        raise ValueError(f"{said}{key}: expected values with commas between them, got {given!r}")
    if len(set(values)) < len(values):
        raise ValueError(f"{said}{key}: a value is given twice in {given!r}")
    return values


def name_of(model: str, point: Point) -> str:
    """Return what a model with the options of a point is called: ``lstm learning_rate=0.1``."""
    return " ".join([model, *(f"{spoken(key)}={said_as(v)}" for key, v in point.items())])


def said_as(value: Any) -> str:
    """Return a value as the command line has it."""
    return "none" if value is None else str(value)
