"""What a comparison runs: models, options and budget, tried before the first run."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytensor

from unitarygraph import models, tasks
from unitarygraph.comparing.grid import Point, name_of, points_of, said_as
from unitarygraph.models.base import Model
from unitarygraph.training.backends import DEFAULT_BACKEND
from unitarygraph.training.begin import prepare
from unitarygraph.training.best import stopped_early
from unitarygraph.training.options import resolve, spelled_out
from unitarygraph.training.settings import ENDLESS, Settings, TrainingOptions, flat
from unitarygraph.training.store import RunDirectory, read_rows
from unitarygraph.training.values import parse

#: the budget, which all models share
BUDGET = ("steps", "minutes")
#: logged rows that a short run has at least, so that its curve is one
ROWS = 20


@dataclass(frozen=True)
class Entrant:
    """A model in a comparison: the settings of its runs, one a seed, and its trained numbers.

    `point` has the options by which a grid tells it from others of the same model.
    """

    model: str
    settings: tuple[Settings, ...]
    parameters: int
    point: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The model and its options of the grid: ``lstm learning_rate=0.1``."""
        return name_of(self.model, dict(self.point))


@dataclass(frozen=True)
class Plan:
    """What is to be run in `path`, and by which command; `left_out` has reasons by model."""

    path: Path
    task: str
    entrants: tuple[Entrant, ...]
    left_out: Mapping[str, str]
    baseline: float | None
    command: str
    jobs: int = 1

    def run_directory(self, name: str, seed: int) -> RunDirectory:
        """Return the run directory of an entrant and a seed: ``PATH/MODEL-seedK``.

        The options of a grid stand between them: ``PATH/lstm-learning_rate=0.1-seed0``.
        """
        plain = name.replace(":", ".").replace("/", ".").replace(" ", "-")
        return RunDirectory(self.path / f"{plain}-seed{seed}")

    def runs(self) -> list[PlannedRun]:
        """Return all runs in the order in which they are made."""
        return [
            PlannedRun(self.run_directory(entrant.name, seed), settings, entrant.name, seed)
            for entrant in self.entrants
            for seed, settings in enumerate(entrant.settings)
        ]


@dataclass(frozen=True)
class PlannedRun:
    """One run of a comparison; `name` is that of its entrant."""

    directory: RunDirectory
    settings: Settings
    name: str
    seed: int

    def finished(self) -> bool:
        """Whether the run has used up its budget, its last row and checkpoint being there."""
        rows = read_rows(self.directory.metrics)
        if not rows or "eval_loss" not in rows[-1]:
            return False
        state = self.directory.load_checkpoint()
        if state is None or state.step != rows[-1]["step"]:
            return False
        training = self.settings.training
        limit = float("inf") if training.minutes is None else 60 * training.minutes
        spent = state.step >= training.steps or state.seconds >= limit
        return spent or stopped_early(rows, training) is not None


def arrange(
    task: str,
    names: Sequence[str],
    path: Path,
    *,
    seeds: int = 1,
    hidden: int = 128,
    backend: str = DEFAULT_BACKEND,
    dtype: str = "float32",
    assignments: Mapping[str, Any] | None = None,
    grid: Mapping[str, Iterable[Any]] | None = None,
    jobs: int = 1,
    said: str = "--set ",
) -> Plan:
    """Return the plan to compare the models `names` ("all": every model), each tried beforehand.

    `assignments` and `said` are those of :func:`~unitarygraph.training.options.resolve` and go to
    every model; ``MODEL.key`` goes to that model alone, ``MODEL.hidden`` is its size. Every model
    is run at each point of `grid`, which has values by option, ``hidden`` among them. Where neither
    ``steps`` nor ``minutes`` is given, the budget is the task's number of steps. A model that cannot
    do the task, has no such size, or cannot be loaded and was not asked for by name, is left out
    with its reason.

    Raises
    ------
    ValueError
        For an unknown model, an option that one of the models does not have, a wrong value, a
        model that refuses what is set for it alone, or where no model is left.
    """
    for name, value in (("seeds", seeds), ("jobs", jobs)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    every = "all" in names
    chosen = models.names() if every else list(dict.fromkeys(names))
    if not chosen:
        raise ValueError("models: expected at least one name, or all")
    given = dict(flat(assignments or {}))
    of_grid = said.replace("--set", "--grid") if said else "grid: "
    points = points_of(grid or {}, given, of_grid)
    command = command_of(task, names, path, seeds, hidden, backend, dtype, given, jobs, points)
    common, own = shares(given, chosen, said)
    _set_budget(common, task)
    entrants, left_out = [], {}
    for model in chosen:
        try:
            suits = models.lookup(model).tasks
        except ImportError as error:
            if not every:
                raise
            left_out[model] = in_words(error)
            continue
        if suits is not None and task not in suits and task in tasks.TASKS:
            left_out[model] = f"is for {', '.join(suits)}"
            continue
        common_size = _size(model, own[model].pop("hidden", hidden), said)
        spelled = {spelled_out(key) for key in own[model]}
        options = {k: v for k, v in common.items() if spelled_out(k) not in spelled} | own[model]
        for point in points:
            varied = dict(point)
            size = _size(model, varied.pop("hidden", common_size), of_grid)
            settings = tuple(
                _settings(
                    task, model, size, backend, dtype, options | varied | {"seed": seed}, said
                )
                for seed in range(seeds)
            )
            try:
                parameters = examine(settings[0])
            except ImportError:
                raise
            except Exception as error:
                if own[model] or size != hidden:
                    raise ValueError(f"{name_of(model, point)}: {in_words(error)}") from error
                left_out[name_of(model, point)] = in_words(error)
                continue
            entrants.append(Entrant(model, settings, parameters, point))
            if grid and settings[0].task_options != entrants[0].settings[0].task_options:
                raise ValueError(
                    f"{of_grid}{', '.join(grid)}: expected options of models, rules and training, "
                    "got one of the task: losses of different tasks are not compared"
                )
    if not entrants:
        reasons = "; ".join(f"{model}: {reason}" for model, reason in left_out.items())
        raise ValueError(f"compare {task}: no model is left ({reasons})")
    baseline = tasks.build(task, **entrants[0].settings[0].task_options).baseline
    plan = Plan(path, task, tuple(entrants), left_out, baseline, command, jobs)
    if len({run.directory.path for run in plan.runs()}) < len(plan.runs()):
        raise ValueError(f"{of_grid}values must differ as names of folders, got {points}")
    return plan


def shares(
    assignments: Mapping[str, Any], chosen: Sequence[str], said: str = "--set "
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Divide options into those of all models and those of one, ``MODEL.key``."""
    common: dict[str, Any] = {}
    own: dict[str, dict[str, Any]] = {model: {} for model in chosen}
    for key, value in assignments.items():
        owner = next((model for model in chosen if key.startswith(f"{model}.")), None)
        name = key if owner is None else key.removeprefix(f"{owner}.")
        plain = name.removeprefix("training.")
        first = key.partition(".")[0]
        if plain == "seed":
            raise ValueError(f"{said}{key}: a comparison runs the seeds 0, 1, ...: write --seeds")
        if owner is None and "." in key and first in models.names():
            raise ValueError(f"{said}{key}: {first} is not among the models {', '.join(chosen)}")
        if owner is None:
            common[plain if plain in BUDGET else key] = value
        elif plain in BUDGET:
            raise ValueError(f"{said}{key}: all models have one budget")
        else:
            own[owner][name] = value
    return common, own


def _set_budget(common: dict[str, Any], task: str) -> None:
    """Fill in the number of steps, and log a short run more often."""
    steps = tasks.lookup(task).defaults.get("steps", TrainingOptions.steps)
    common.setdefault("steps", ENDLESS if "minutes" in common else steps)
    if not {"log_every", "training.log_every"} & set(common):
        try:
            often = int(common["steps"]) // ROWS
        except ValueError:
            return  # `resolve` says what is expected
        common["log_every"] = max(1, min(TrainingOptions.log_every, often))


def _settings(
    task: str,
    model: str,
    hidden: int,
    backend: str,
    dtype: str,
    options: dict[str, Any],
    said: str,
) -> Settings:
    try:
        return resolve(task, model, hidden, backend, dtype, options, said)
    except ValueError as error:
        more = ""
        if "no such option" in str(error):
            more = " (an option that not all models have is written MODEL.KEY=VALUE)"
        raise ValueError(f"{model}: {error}{more}") from None


def _size(model: str, value: Any, said: str) -> int:
    return parse(f"{said}{model}.hidden", value, int)


def examine(settings: Settings) -> int:
    """Build a run's graph, which raises what the model refuses, and count its trained numbers."""
    program = prepare(settings)
    with pytensor.config.change_flags(floatX=settings.dtype):
        inputs = program.task.inputs(settings.dtype, settings.training.batch)
        program.model(inputs[0], mask=inputs[-1] if program.task.masked else None)
    return parameters_of(program.model)


def parameters_of(model: Model) -> int:
    """Return how many numbers a model trains, less those that a constraint takes if it says so."""
    if hasattr(model, "free_parameters"):
        return int(model.free_parameters())
    return sum(p.get_value(borrow=True).size for p in model.params)


def command_of(
    task: str,
    names: Sequence[str],
    path: Path,
    seeds: int,
    hidden: int,
    backend: str,
    dtype: str,
    assignments: Mapping[str, Any],
    jobs: int,
    points: Sequence[Point] = (),
) -> str:
    """Return the command line that makes a comparison."""
    words = ["unitarygraph", "compare", task, "--models", ",".join(names), "--seeds", str(seeds)]
    sets = dict(assignments)
    for name in BUDGET:
        if sets.get(name) is not None:
            words += [f"--{name}", str(sets.pop(name))]
    words += ["--hidden", str(hidden)]
    words += ["--backend", backend] if backend != DEFAULT_BACKEND else []
    words += ["--dtype", dtype] if dtype != "float32" else []
    words += ["--jobs", str(jobs)] if jobs > 1 else []
    for key, value in sets.items():
        words += ["--set", f"{key}={'none' if value is None else value}"]
    for key in points[0] if points else ():
        values = dict.fromkeys(said_as(point[key]) for point in points)
        words += ["--grid", f"{key}={','.join(values)}"]
    return shlex.join([*words, "--out", str(path)])


def in_words(error: Exception) -> str:
    """Return an error's message in one line, with its type unless it is one for users."""
    text = " ".join(str(error).split())[:300]
    if isinstance(error, (ImportError, OSError, ValueError)) and text:
        return text
    return f"{type(error).__name__}: {text}"
