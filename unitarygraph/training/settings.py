"""The settings of a run: what they are, where their defaults come from, how they are saved."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from unitarygraph import models, tasks
from unitarygraph.training.backends import check_backend
from unitarygraph.training.optimizers import COMPANIONS, Rule, optimizer_options, rule_named
from unitarygraph.training.values import hint_of, hints_of, parse

DTYPES = ("float32", "float64")
#: sections of config.toml that a ``--set`` key can belong to, in the order they are listed
SECTIONS = ("training", "task", "model", "optimizer", "orthogonal", "phase")
#: sections of a rule's options -> the training option that names the rule
RULES = {
    "optimizer": "optimizer",
    "orthogonal": "orthogonal_optimizer",
    "phase": "phase_optimizer",
}
#: steps of a run that `minutes` alone ends
ENDLESS = 10**9


@dataclass(frozen=True)
class TrainingOptions:
    """How long, how fast and how often; every field is a ``--set`` key.

    A run ends after `steps`, or with the step at which it has trained for `minutes`, if they are
    given; compiling does not count.

    `orthogonal_optimizer` and `orthogonal_learning_rate` go to the model's orthogonal parameters
    (None: `optimizer`, and a tenth of `learning_rate`), `phase_optimizer` and `phase_learning_rate`
    to its phases, if it has such (None: as all others). `clip` is the largest norm of all gradients
    together (None: no clipping), and the three intervals count steps (0 for `eval_every`: only
    after the last step). `blas_threads`
    limits BLAS in NumPy and SciPy (0: as they choose): the products of a run are small, and waiting
    for threads on a shared machine costs many times what they save.
    """

    steps: int = 600
    minutes: float | None = None
    seed: int = 0
    batch: int = 128
    optimizer: str = "rmsprop"
    learning_rate: float = 1e-3
    orthogonal_optimizer: str | None = None
    orthogonal_learning_rate: float | None = None
    phase_optimizer: str | None = None
    phase_learning_rate: float | None = None
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
        rates = ("learning_rate", "orthogonal_learning_rate", "phase_learning_rate")
        for name in ("minutes", *rates, "clip"):
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
    orthogonal_options: Mapping[str, Any] = field(default_factory=dict)
    phase_options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.hidden < 1:
            raise ValueError(f"hidden must be at least 1, got {self.hidden}")
        if self.dtype not in DTYPES:
            raise ValueError(f"dtype: expected one of {', '.join(DTYPES)}, got {self.dtype!r}")

    def rules(self) -> dict[str, Rule]:
        """Return the update rule of each group of parameters."""
        t = self.training
        main, rate = t.optimizer, t.learning_rate
        rules = {
            "other": Rule(main, rate, self.optimizer_options),
            "orthogonal": Rule(main, rate / 10, self.optimizer_options),
            "phase": Rule(main, rate, self.optimizer_options),
        }
        if main in COMPANIONS:
            rules["other"] = rules["phase"] = Rule(COMPANIONS[main], rate)
        if t.orthogonal_optimizer is not None:
            own = Rule(t.orthogonal_optimizer, rate / 10, self.orthogonal_options)
            rules["orthogonal"] = own
        if t.phase_optimizer is not None:
            rules["phase"] = Rule(t.phase_optimizer, rate, self.phase_options)
        for group, own_rate in (
            ("orthogonal", t.orthogonal_learning_rate),
            ("phase", t.phase_learning_rate),
        ):
            if own_rate is not None:
                rules[group] = dataclasses.replace(rules[group], learning_rate=own_rate)
        return rules

    def document(self) -> dict[str, Any]:
        """Return the settings as config.toml holds them; None, unknown to TOML, becomes "none"."""
        sections = {
            "training": dataclasses.asdict(self.training),
            "task": dict(self.task_options),
            "model": dict(self.model_options),
            "optimizer": dict(self.optimizer_options),
            "orthogonal": dict(self.orthogonal_options),
            "phase": dict(self.phase_options),
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
    known, hints = options_and_hints(task, model, _optimizers(task, model, assignments or {}))
    for defaults in _defaults(task, model):
        for key, value in defaults.items():
            section, dot, name = key.partition(".")
            if dot:
                # options of a rule that the user has put another in the place of are left out
                known[section].update({name: value} if name in known[section] else {})
            else:
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
        orthogonal_options=known["orthogonal"],
        phase_options=known["phase"],
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
        for key, value in document.get(section, {}).items()
    }
    run = document["run"] | ({"backend": backend} if backend else {})
    return resolve(**run, assignments=written | dict(assignments or {}))


def options_and_hints(
    task: str, model: str, optimizers: Mapping[str, str | None]
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Return, by section, the options with their defaults and the options with their types."""
    known = {
        "training": {f.name: f.default for f in dataclasses.fields(TrainingOptions)},
        "task": tasks.options_of(task),
        "model": models.options_of(model),
    } | {
        section: {} if name is None else optimizer_options(name)
        for section, name in optimizers.items()
    }
    annotated = {
        "training": hints_of(TrainingOptions),
        "task": hints_of(tasks.lookup(task)),
        "model": hints_of(models.lookup(model)),
    } | {
        section: {} if name is None else hints_of(rule_named(name))
        for section, name in optimizers.items()
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


def _optimizers(task: str, model: str, assignments: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the update rules' names, which must be known before their options can be."""
    chosen = {}
    for section, key in RULES.items():
        name = getattr(TrainingOptions, key)
        for source in (*_defaults(task, model), assignments):
            name = source.get(f"training.{key}", source.get(key, name))
        chosen[section] = None if name == "none" else name
    return chosen


def _route(key: str, known: Mapping[str, Mapping[str, Any]]) -> tuple[str, str]:
    """Return the section and the name that a flat or dotted key means; training's go first."""
    section, dot, name = key.partition(".")
    if dot and name in known.get(section, {}):
        return section, name
    claims = [section for section in SECTIONS if key in known[section]]
    if len(claims) == 1 or "training" in claims:
        return claims[0], key
    if claims:
        raise ValueError(f"--set {key}: write {' or '.join(f'{s}.{key}' for s in claims)}")
    valid = "; ".join(f"{s}: {', '.join(sorted(known[s])) or 'none'}" for s in SECTIONS)
    raise ValueError(f"--set {key}: no such option; valid are {valid}")
