"""Tasks: endless training batches, a fixed evaluation set, a symbolic loss, a baseline.

A new task is one file with one frozen dataclass derived from
:class:`~unitarygraph.tasks.base.Task` and one line in :data:`TASKS`. One outside this package is
called ``module:Class``, or by the name that its package gives it in the entry-point group
``unitarygraph.tasks``.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from unitarygraph import entry_points
from unitarygraph.tasks.adding import Adding
from unitarygraph.tasks.base import Task
from unitarygraph.tasks.copying import Copying
from unitarygraph.tasks.digits import Digits

__all__ = ["TASKS", "Adding", "Copying", "Digits", "Task", "build", "lookup", "names", "options_of"]

TASKS: dict[str, type[Task]] = {
    "adding": Adding,
    "copying": Copying,
    "digits": Digits,
}


def names() -> list[str]:
    """Return the names of all tasks, built in and brought by other packages, sorted."""
    return sorted({*TASKS, *entry_points.names("task")})


def lookup(name: str) -> type[Task]:
    """Return the class of the task called `name`, which may be ``module:Class``.

    Raises ValueError for an unknown name, listing the names, and for one of ours that an entry
    point claims too; ImportError where a class elsewhere cannot be loaded or is no task.
    """
    if name not in TASKS:
        return entry_points.lookup("task", name, Task, names())
    entry_points.check_built_in("task", name)
    return TASKS[name]


def options_of(name: str) -> dict[str, Any]:
    """Return the options of a task and their defaults."""
    return {field.name: field.default for field in dataclasses.fields(lookup(name))}


def build(name: str, **options: Any) -> Task:
    """Build the task called `name` with its own options (see :func:`options_of`).

    Raises ValueError for an unknown name and for an option out of range, TypeError for an
    option that the task does not have.
    """
    return lookup(name)(**options)
