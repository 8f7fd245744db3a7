"""The settings of a run: what they are, how they are saved, and which of them may change later."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from unitarygraph.training.rules import Rule

DTYPES = ("float32", "float64")
#: steps of a run that `minutes` alone ends
ENDLESS = 10**9

#: what people write -> where it stands in config.toml
SHORT_FORMS = {
    "optimizer": "rules.other.name",
    "learning_rate": "rules.other.learning_rate",
    "orthogonal_optimizer": "rules.orthogonal.name",
    "orthogonal_learning_rate": "rules.orthogonal.learning_rate",
    "phase_optimizer": "rules.phase.name",
    "phase_learning_rate": "rules.phase.learning_rate",
}

#: limits of a run, which may grow when it is resumed
LIMITS = ("training.steps", "training.minutes", "training.patience")
#: what may be any other when a run is resumed: how often it is looked at and saved
FREE = ("training.log_every", "training.eval_every", "training.checkpoint_every")


@dataclass(frozen=True)
class TrainingOptions:
    """How long and how often; every field is a ``--set`` key.

    A run ends after `steps`, or with the step at which it has trained for `minutes`, if they are
    given; compiling does not count. `clip` is the largest norm of all gradients together (None: no
    clipping), and the three intervals count steps (0 for `eval_every`: only after the last step).
    `blas_threads` limits BLAS in NumPy and SciPy (0: as they choose): the products of a run are
    small, and waiting for threads on a shared machine costs many times what they save.

    Of the evaluations that with the best `monitor` (``loss``, ``accuracy``, ...; the smallest, or
    the largest, as `monitor_mode` says; "auto": the largest of accuracies, the smallest of all
    else) is kept as a second checkpoint, unless `keep_best` is false; after `patience` evaluations
    without a better one training stops (None: never).

    `schedule`, with `warmup` steps before it, is one of `unitarygraph.training.schedule`, where the
    formulas are; `decay_at` are the numbers of steps after which "milestones" falls, separated by
    blanks, `schedule_steps` those that a cosine takes (None: all of the run).
    """

    steps: int = 600
    minutes: float | None = None
    seed: int = 0
    batch: int = 128
    clip: float | None = None
    log_every: int = 10
    eval_every: int = 0
    checkpoint_every: int = 100
    blas_threads: int = 1
    keep_best: bool = True
    patience: int | None = None
    monitor: str = "loss"
    monitor_mode: Literal["auto", "min", "max"] = "auto"
    schedule: Literal["constant", "step", "milestones", "exponential", "cosine", "plateau"] = (
        "constant"
    )
    warmup: int = 0
    decay_every: int = 1000
    decay_at: str = ""
    decay_factor: float = 0.5
    schedule_steps: int | None = None
    end_factor: float = 0.0

    def __post_init__(self) -> None:
        least = {
            "steps": 1, "seed": 0, "batch": 1, "log_every": 1, "eval_every": 0,
            "checkpoint_every": 1, "blas_threads": 0, "warmup": 0, "decay_every": 1,
        }  # fmt: skip
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise ValueError(f"{name} must be at least {bound}, got {getattr(self, name)}")
        self._check_schedule()
        for name in ("minutes", "clip"):
            if getattr(self, name) is not None:
                _check_positive(name, getattr(self, name))
        if self.patience is not None:
            if self.patience < 1:
                raise ValueError(f"patience must be at least 1, or none, got {self.patience}")
            if self.eval_every == 0:
                raise ValueError(
                    "patience counts evaluations: expected eval_every of at least 1, got 0"
                )

    @property
    def milestones(self) -> tuple[int, ...]:
        """The numbers of steps in `decay_at`; ValueError where it has anything else."""
        words = self.decay_at.replace(",", " ").split()
        if not all(word.isdecimal() and int(word) >= 1 for word in words):
            raise ValueError(
                f"decay_at: expected numbers of steps, such as '1000 2000', got {self.decay_at!r}"
            )
        return tuple(map(int, words))

    def _check_schedule(self) -> None:
        if not 0 < self.decay_factor <= 1:
            raise ValueError(f"decay_factor must be above 0, at most 1, got {self.decay_factor}")
        if not 0 <= self.end_factor <= 1:
            raise ValueError(f"end_factor must be between 0 and 1, got {self.end_factor}")
        milestones = self.milestones  # whatever the schedule: a word that is no number is a slip
        if self.schedule == "milestones" and not milestones:
            raise ValueError(
                "schedule = milestones: expected numbers of steps in decay_at, such as "
                '"1000 2000", got none'
            )
        if self.schedule == "plateau" and self.eval_every == 0:
            raise ValueError(
                "schedule = plateau looks at evaluations: expected eval_every of at least 1, got 0"
            )
        if self.schedule == "cosine":
            steps = self.steps if self.schedule_steps is None else self.schedule_steps
            if steps <= self.warmup:
                raise ValueError(
                    f"schedule = cosine: expected more steps than warmup = {self.warmup}, got {steps}"
                )
            if steps >= ENDLESS:
                raise ValueError("schedule = cosine: a run without steps needs schedule_steps")


@dataclass(frozen=True)
class Settings:
    """All that determines a run: two runs with equal settings are the same run, bit for bit.

    `rules` has the update rule of each group of parameters: "orthogonal" for those that the model
    declares orthogonal, "phase" for its phases, "other" for the rest.
    """

    task: str
    model: str
    hidden: int
    backend: str
    dtype: str
    training: TrainingOptions
    task_options: Mapping[str, Any]
    model_options: Mapping[str, Any]
    rules: Mapping[str, Rule]

    def __post_init__(self) -> None:
        if self.hidden < 1:
            raise ValueError(f"hidden must be at least 1, got {self.hidden}")
        if self.dtype not in DTYPES:
            raise ValueError(f"dtype: expected one of {', '.join(DTYPES)}, got {self.dtype!r}")
        for group, rule in self.rules.items():
            _check_positive(spoken(f"rules.{group}.learning_rate"), rule.learning_rate)

    def document(self) -> dict[str, Any]:
        """Return the settings as config.toml holds them; None, unknown to TOML, becomes "none"."""
        run = {key: getattr(self, key) for key in ("task", "model", "hidden", "backend", "dtype")}
        return {
            "run": run,
            "training": _without_none(dataclasses.asdict(self.training)),
            "task": _without_none(self.task_options),
            "model": _without_none(self.model_options),
            "rules": {group: _without_none(rule.document()) for group, rule in self.rules.items()},
        }


def may_resume(old: Settings, new: Settings, path: Path) -> None:
    """Raise ValueError unless the run in `path`, begun with `old`, may go on with `new`.

    This is the one law for ``train`` and ``compare``: steps and minutes may grow (none is the
    largest), the intervals of logging, evaluating and saving are free, all else stays as it was.
    What decides the rates of steps that are made already is not free: `steps` of a cosine over all
    of a run, `eval_every` where evaluations lower the rates.
    """
    before, after = (dict(flat(settings.document())) for settings in (old, new))
    for key in {**before, **after}:
        was, value = before.get(key, "none"), after.get(key, "none")
        if was == value:
            continue
        if key in _held_by_schedule(old.training):
            raise ValueError(
                f"--resume: {spoken(key)} decides the rates of schedule = {old.training.schedule} in "
                f"{path}, which has {was}, got {value}"
            )
        if key in FREE:
            continue
        if key in LIMITS:
            if value == "none" or (was != "none" and value > was):
                continue
            raise ValueError(
                f"--resume: {spoken(key)} may only grow, {path} has {was}, got {value}"
            )
        raise ValueError(f"--resume: {path} has {spoken(key)} = {was}, got {value}")


def _held_by_schedule(training: TrainingOptions) -> tuple[str, ...]:
    if training.schedule == "cosine" and training.schedule_steps is None:
        return ("training.steps",)
    return ("training.eval_every",) if training.schedule == "plateau" else ()


def flat(options: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield nested options by dotted keys; a :class:`Rule` is its name, rate and options."""
    for key, value in options.items():
        inner = value.document() if isinstance(value, Rule) else value
        if isinstance(inner, Mapping):
            yield from flat(inner, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def spoken(key: str) -> str:
    """Return the shortest form of a dotted key that people write and read."""
    short = {long: short for short, long in SHORT_FORMS.items()}
    section, _, name = key.partition(".")
    return short.get(key, name if section in ("run", "training", "task", "model", "rules") else key)


def _check_positive(name: str, value: float) -> None:
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} must be positive and finite, got {value}")


def _without_none(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: "none" if value is None else value for key, value in options.items()}
