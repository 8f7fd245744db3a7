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

from typing import Any

from unitarygraph.models.base import COMMON, Model
from unitarygraph.models.recurrent import RecurrentModel
from unitarygraph.registry import Registry

__all__ = ["MODELS", "Model", "RecurrentModel", "build", "lookup", "names", "options_of"]

#: name of a model, which is that of its file -> its class
MODELS: dict[str, str] = {
    "asrnn": "ASRNN",
    "aussm": "AUSSM",
    "cdopt": "CDOptRNN",
    "cgrnn": "CGRNN",
    "deltanet": "DeltaNet",
    "deltaproduct": "DeltaProduct",
    "dtriv": "DynamicTrivializationRNN",
    "eurnn": "EURNN",
    "exprnn": "ExpRNN",
    "fcurnn": "FullCapacityURNN",
    "goru": "GORU",
    "gru": "GRU",
    "irnn": "IRNN",
    "kru": "KRU",
    "linoss": "LinOSS",
    "lru": "LRU",
    "lstm": "LSTM",
    "nnrnn": "NnRNN",
    "ornn": "ORNN",
    "projunn": "ProjUNN",
    "s5": "S5",
    "scornn": "ScoRNN",
    "scurnn": "ScuRNN",
    "svdrnn": "SVDRNN",
    "tanh": "TanhRNN",
    "urnn": "URNN",
    "wrn": "WideResNet",
}

_REGISTRY = Registry(
    "model", Model, {name: f"{__name__}.{name}:{found}" for name, found in MODELS.items()}, COMMON
)


def names() -> list[str]:
    """Return the names of all models, built in and brought by other packages, sorted."""
    return _REGISTRY.names()


def lookup(name: str) -> type[Model]:
    """Return the class of the model called `name`, which may be ``module:Class``.

    Raises as :meth:`unitarygraph.registry.Registry.lookup`.
    """
    found: type[Model] = _REGISTRY.lookup(name)
    return found


def options_of(name: str) -> dict[str, Any]:
    """Return the options of a model beyond its sizes, `rng` and `dtype`, and their defaults."""
    return _REGISTRY.options_of(name)


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
    sizes = {"input_size": input_size, "hidden_size": hidden_size, "output_size": output_size}
    for key, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name}: {key} must be at least 1, got {size}")
    built: Model = _REGISTRY.build(name, *sizes.values(), **options)
    return built
