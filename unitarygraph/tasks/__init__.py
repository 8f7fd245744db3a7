"""Tasks: endless training batches, a fixed evaluation set, a symbolic loss, a baseline.

A new task is one file with one frozen dataclass derived from
:class:`~unitarygraph.tasks.base.Task` and one line in :data:`TASKS`. One outside this package is
called ``module:Class``, or by the name that its package gives it in the entry-point group
``unitarygraph.tasks``.
"""

from __future__ import annotations

from typing import Any

from unitarygraph.registry import Registry
from unitarygraph.tasks.adding import Adding
from unitarygraph.tasks.base import Task
from unitarygraph.tasks.cifar import CIFAR10, CIFAR100
from unitarygraph.tasks.copying import Copying
from unitarygraph.tasks.digits import Digits
from unitarygraph.tasks.group import Group
from unitarygraph.tasks.jsb import Jsb
from unitarygraph.tasks.mnist import MNIST
from unitarygraph.tasks.modular import Modular
from unitarygraph.tasks.own import Csv, Npz, Ucr
from unitarygraph.tasks.parity import Parity
from unitarygraph.tasks.timit import Timit

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "MNIST",
    "TASKS",
    "Adding",
    "Copying",
    "Csv",
    "Digits",
    "Group",
    "Jsb",
    "Modular",
    "Npz",
    "Parity",
    "Task",
    "Timit",
    "Ucr",
    "build",
    "lookup",
    "names",
    "options_of",
]

TASKS: dict[str, type[Task]] = {
    "adding": Adding,
    "cifar10": CIFAR10,
    "cifar100": CIFAR100,
    "copying": Copying,
    "csv": Csv,
    "digits": Digits,
    "group": Group,
    "jsb": Jsb,
    "mnist": MNIST,
    "modular": Modular,
    "npz": Npz,
    "parity": Parity,
    "timit": Timit,
    "ucr": Ucr,
}
_REGISTRY = Registry(
    "task", Task, {name: f"{task.__module__}:{task.__name__}" for name, task in TASKS.items()}
)


def names() -> list[str]:
    """Return the names of all tasks, built in and brought by other packages, sorted."""
    return _REGISTRY.names()


def lookup(name: str) -> type[Task]:
    """Return the class of the task called `name`, which may be ``module:Class``.

    Raises as :meth:`unitarygraph.registry.Registry.lookup`.
    """
    found: type[Task] = _REGISTRY.lookup(name)
    return found


def options_of(name: str) -> dict[str, Any]:
    """Return the options of a task and their defaults."""
    return _REGISTRY.options_of(name)


def build(name: str, **options: Any) -> Task:
    """Build the task called `name` with its own options (see :func:`options_of`).

    Raises ValueError for an unknown name and for an option out of range, TypeError for an
    option that the task does not have.
    """
    built: Task = _REGISTRY.build(name, **options)
    return built
