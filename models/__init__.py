"""The lineage's models, imported as ``unitarygraph.models``.

A new model is one file with one class derived from :class:`~unitarygraph.models.base.Model` and
one line in :data:`MODELS`. One outside this package is called ``module:Class``, or by the name that
its package gives it in the entry-point group ``unitarygraph.models``.
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

from unitarygraph import entry_points
from unitarygraph.models.base import Model
from unitarygraph.models.recurrent import RecurrentModel

__all__ = ["MODELS", "Model", "RecurrentModel", "build", "lookup", "names", "options_of"]

#: name of a model, which is that of its file -> its class
MODELS: dict[str, str] = {
    "cdopt": "CDOptRNN",
    "cgrnn": "CGRNN",
    "dtriv": "DynamicTrivializationRNN",
    "eurnn": "EURNN",
    "exprnn": "ExpRNN",
    "fcurnn": "FullCapacityURNN",
    "goru": "GORU",
    "gru": "GRU",
    "irnn": "IRNN",
    "kru": "KRU",
    "lru": "LRU",
    "lstm": "LSTM",
    "nnrnn": "NnRNN",
    "ornn": "ORNN",
    "projunn": "ProjUNN",
    "scornn": "ScoRNN",
    "scurnn": "ScuRNN",
    "svdrnn": "SVDRNN",
    "tanh": "TanhRNN",
    "urnn": "URNN",
    "wrn": "WideResNet",
}

#: arguments that every model takes; all others are its options
COMMON = ("self", "input_size", "hidden_size", "output_size", "rng", "dtype")


def names() -> list[str]:
    """Return the names of all models, built in and brought by other packages, sorted."""
    return sorted({*MODELS, *entry_points.names("model")})


def lookup(name: str) -> type[Model]:
    """Return the class of the model called `name`, which may be ``module:Class``.

    Raises ValueError for an unknown name, listing the names, and for one of ours that an entry
    point claims too; ImportError where a class elsewhere cannot be loaded or is no model.
    """
    if name not in MODELS:
        return entry_points.lookup("model", name, Model, names())
    entry_points.check_built_in("model", name)
    return getattr(import_module(f"{__name__}.{name}"), MODELS[name])


def options_of(name: str) -> dict[str, Any]:
    """Return the options of a model beyond its sizes, `rng` and `dtype`, and their defaults."""
    found: dict[str, Any] = {}
    for parent in lookup(name).__mro__:
        if parent is Model:
            break
        if "__init__" not in vars(parent):
            continue
        parameters = inspect.signature(parent.__init__).parameters.values()
        for p in parameters:
            if p.name not in COMMON and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL):
                found.setdefault(p.name, p.default)
        # **options go on to the next class up; where there are none, all have been seen.
        if all(p.kind is not p.VAR_KEYWORD for p in parameters):
            break
    return found


def build(name: str, input_size: int, hidden_size: int, output_size: int, **options: Any) -> Model:
    """Build the model called `name`.

    Parameters
    ----------
    name
        One of :func:`names`.
    input_size, hidden_size, output_size
        Features of an input step, hidden units, outputs of a step; each at least 1.
    **options
        `rng` (a NumPy Generator or a seed, by default fresh entropy), `dtype` (default
        ``config.floatX``) and
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
