"""The settings of a run: what they are, where their defaults come from, how they are saved."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from unitarygraph import models, tasks
from unitarygraph.training.backends import check_backend
from unitarygraph.training.optimizers import optimizer_options, rule_named
from unitarygraph.training.values import hint_of, hints_of, parse

DTYPES = ("float32", "float64")
#: sections of config.toml that a ``--set`` key can belong to, in the order they are listed
SECTIONS = ("training", "task", "model", "optimizer")


@dataclass(frozen=True)
class TrainingOptions:
    """How long, how fast and how often; every field is a ``--set`` key.

    `orthogonal_learning_rate` goes to the model's orthogonal parameters (None: a tenth of
    `learning_rate`), `clip` is the largest norm of all gradients together (None: no clipping), and
    the three intervals count steps (0 for `eval_every`: only after the last step). `blas_threads`
    limits BLAS in NumPy and SciPy (0: as they choose): the products of a run are small, and waiting
    for threads on a shared machine costs many times what they save.
    """

    steps: int = 600
    seed: int = 0
    batch: int = 128
    optimizer: str = "rmsprop"
    learning_rate: float = 1e-3
    orthogonal_learning_rate: float | None = None
    clip: float | None = None
    log_every: int = 10
    eval_every: int = 0
    checkpoint_every: int = 100
    blas_threads: int = 1

    def __post_init__(self) -> None:
        least = {
            "steps": 1, "seed": 0, "batch": 1, "log_every": 1, "eval_every": 0,
            "checkpoint_every": 1, "blas_threads": 0,
        }  # fmt: skip
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise ValueError(f"{name} must be at least {bound}, got {getattr(self, name)}")
        for name in ("learning_rate", "orthogonal_learning_rate", "clip"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"{name} must be positive and finite, got {value}")


@dataclass(frozen=True)
class Settings:
    """All that determines a run: two runs with equal settings are the same run, bit for bit."""

    task: str
    model: str
    hidden: int
    backend: str
    dtype: str
    training: TrainingOptions
    task_options: Mapping[str, Any]
    model_options: Mapping[str, Any]
    optimizer_options: Mapping[str, Any]

    def __post_init__(self) -> None:
        if self.hidden < 1:
            raise ValueError(f"hidden must be at least 1, got {self.hidden}")
        if self.dtype not in DTYPES:
            raise ValueError(f"dtype: expected one of {', '.join(DTYPES)}, got {self.dtype!r}")

    def document(self) -> dict[str, Any]:
        """Return the settings as config.toml holds them; None, unknown to TOML, becomes "none"."""
        sections = {
            "training": dataclasses.asdict(self.training),
            "task": dict(self.task_options),
            "model": dict(self.model_options),
            "optimizer": dict(self.optimizer_options),
        }
        run = {key: getattr(self, key) for key in ("task", "model", "hidden", "backend", "dtype")}
        return {"run": run} | {
            section: {key: "none" if value is None else value for key, value in options.items()}
            for section, options in sections.items()
        }


def resolve(
    task: str = "copying",
    model: str = "exprnn",
    hidden: int = 128,
    backend: str = "numba",
    dtype: str = "float32",
    assignments: Mapping[str, Any] | None = None,
) -> Settings:
    """Return complete settings from names and flat options.

    Each key of `assignments` goes to the section that has an option of that name
    (``section.key`` says it outright); its value may be a string, which is read as the option's
    type. Defaults, later ones first: those of :class:`TrainingOptions` and of the builders, the
    model's, the task's, and the model's for this task.

    Raises
    ------
    ValueError
        For unknown names, values of a wrong type or out of range, an unknown key (the message
        lists the valid ones) or one that two sections claim.
    """
    check_backend(backend)
    known, hints = options_and_hints(task, model, _optimizer(task, model, assignments or {}))
    for defaults in _defaults(task, model):
        for key, value in defaults.items():
            for section in ("training", "optimizer"):
                if key in known[section]:
                    known[section][key] = value
    for key, value in (assignments or {}).items():
        section, name = _route(key, known)
        known[section][name] = parse(name, value, hints[section][name])
    return Settings(
        task=task,
        model=model,
        hidden=hidden,
        backend=backend,
        dtype=dtype,
        training=TrainingOptions(**known["training"]),
        task_options=known["task"],
        model_options=known["model"],
        optimizer_options=known["optimizer"],
    )


def from_document(
    document: Mapping[str, Any],
    backend: str | None = None,
    assignments: Mapping[str, Any] | None = None,
) -> Settings:
    """Return the settings that :meth:`Settings.document` wrote, what is given put over them."""
    written = {
        f"{section}.{key}": value
        for section in SECTIONS
        for key, value in document[section].items()
    }
    run = document["run"] | ({"backend": backend} if backend else {})
    return resolve(**run, assignments=written | dict(assignments or {}))


def options_and_hints(
    task: str, model: str, optimizer: str
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Return, by section, the options with their defaults and the options with their types."""
    known = {
        "training": {f.name: f.default for f in dataclasses.fields(TrainingOptions)},
        "task": tasks.options_of(task),
        "model": models.options_of(model),
        "optimizer": optimizer_options(optimizer),
    }
    annotated = {
        "training": hints_of(TrainingOptions),
        "task": hints_of(tasks.lookup(task)),
        "model": hints_of(models.lookup(model).__init__),
        "optimizer": hints_of(rule_named(optimizer)),
    }
    hints = {
        section: {
            name: annotated[section].get(name, hint_of(default))
            for name, default in options.items()
        }
        for section, options in known.items()
    }
    return known, hints


def _defaults(task: str, model: str) -> tuple[Mapping[str, Any], ...]:
    """Return the training settings that suit model and task, the last ones winning."""
    known = models.lookup(model)
    return known.defaults, tasks.lookup(task).defaults, known.task_defaults.get(task, {})


def _optimizer(task: str, model: str, assignments: Mapping[str, Any]) -> str:
    """Return the update rule's name, which must be known before its options can be."""
    chosen = TrainingOptions.optimizer
    for source in (*_defaults(task, model), assignments):
        chosen = source.get("training.optimizer", source.get("optimizer", chosen))
    return chosen


def _route(key: str, known: Mapping[str, Mapping[str, Any]]) -> tuple[str, str]:
    """Return the section and the name that a flat or dotted key means."""
    section, dot, name = key.partition(".")
    if dot and name in known.get(section, {}):
        return section, name
    claims = [section for section in SECTIONS if key in known[section]]
    if len(claims) == 1:
        return claims[0], key
    if claims:
        raise ValueError(f"--set {key}: write {' or '.join(f'{s}.{key}' for s in claims)}")
    valid = "; ".join(f"{s}: {', '.join(sorted(known[s])) or 'none'}" for s in SECTIONS)
    raise ValueError(f"--set {key}: no such option; valid are {valid}")
