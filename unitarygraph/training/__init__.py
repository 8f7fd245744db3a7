"""Training: `train` a model on a task and `load` what was trained.

Needs the extra ``train``; nothing of it is loaded before `train` or `load` is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unitarygraph.training.rules import Rule as Rule
    from unitarygraph.training.run import Run as Run
    from unitarygraph.training.run import load as load
    from unitarygraph.training.run import train as train

__all__ = ["Rule", "Run", "load", "train"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with naming_the_extra("training"):
        from unitarygraph.training import rules, run
    return getattr(rules if name == "Rule" else run, name)


@contextmanager
def naming_the_extra(what: str) -> Iterator[None]:
    """Say, where a package of the extra ``train`` is missing, how to install what needs it."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("unitarygraph"):
            raise
        raise ModuleNotFoundError(
            f"{what} needs the package {error.name}, which is not installed; "
            'install it with: pip install "unitarygraph[train]"',
            name=error.name,
        ) from error
