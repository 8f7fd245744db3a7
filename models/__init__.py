"""The lineage's models, imported as ``unitarygraph.models``.

A new model is one file with one class derived from :class:`~unitarygraph.models.base.Model` and
one line in :data:`MODELS`.
"""

from __future__ import annotations

if __name__ != "unitarygraph.models":
    raise ImportError(
        f"the folder models/ was imported as {__name__!r}; it is the package unitarygraph.models: "
        "install the project (pip install -e .) and write `from unitarygraph import models`"
    )

import inspect
from importlib import import_module
from typing import Any

from unitarygraph.models.base import Model

__all__ = ["MODELS", "Model", "build", "lookup", "names", "options_of"]

#: name of a model, which is that of its file -> its class
MODELS: dict[str, str] = {
    "exprnn": "ExpRNN",
    "fcurnn": "FullCapacityURNN",
    "lstm": "LSTM",
    "tanh": "TanhRNN",
    "wrn": "WideResNet",
}

#: arguments that every model takes; all others are its options
COMMON = ("self", "input_size", "hidden_size", "output_size", "rng", "dtype")


def names() -> list[str]:
    """Return the names of all models, sorted."""
    return sorted(MODELS)


def lookup(name: str) -> type[Model]:
    """Return the class of the model called `name`; ValueError lists the names."""
    if name not in MODELS:
        raise ValueError(f"model: expected one of {', '.join(names())}, got {name!r}")
    return getattr(import_module(f"{__name__}.{name}"), MODELS[name])


def options_of(name: str) -> dict[str, Any]:
    """Return the options of a model beyond its sizes, `rng` and `dtype`, and their defaults."""
    parameters = inspect.signature(lookup(name).__init__).parameters
    return {key: value.default for key, value in parameters.items() if key not in COMMON}


def build(name: str, input_size: int, hidden_size: int, output_size: int, **options: Any) -> Model:
    """Build the model called `name`.

    Parameters
    ----------
    name
        One of :func:`names`.
    input_size, hidden_size, output_size
        Features of an input step, hidden units, outputs of a step; each at least 1.
    **options
        `rng` (a NumPy Generator or a seed, default 0), `dtype` (default ``config.floatX``) and
        the model's own options (:func:`options_of`).

    Raises
    ------
    ValueError
        For an unknown name or a size below 1.
    TypeError
        For an option that the model does not have.
    """
    known = {*COMMON[4:], *options_of(name)}
    for key in options:
        if key not in known:
            raise TypeError(f"{name}: expected options among {sorted(known)}, got {key!r}")
    sizes = {"input_size": input_size, "hidden_size": hidden_size, "output_size": output_size}
    for key, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name}: {key} must be at least 1, got {size}")
    return lookup(name)(**sizes, **options)
