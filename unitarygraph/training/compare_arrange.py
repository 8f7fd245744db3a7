"""What a comparison runs: models, options and budget, tried before the first run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytensor

from unitarygraph import models, tasks
from unitarygraph.models.base import Model
from unitarygraph.training.compare import BUDGET, Comparison, Entrant, in_words
from unitarygraph.training.options import resolve
from unitarygraph.training.run import prepare
from unitarygraph.training.settings import ENDLESS, Settings, TrainingOptions

#: logged rows that a short run has at least, so that its curve is one
ROWS = 20


def arrange(
    task: str,
    names: Sequence[str],
    path: Path,
    *,
    seeds: int = 1,
    hidden: int = 128,
    backend: str = "numba",
    dtype: str = "float32",
    assignments: Mapping[str, Any] | None = None,
    jobs: int = 1,
) -> Comparison:
    """Return a comparison of the models `names` ("all": of every model), each tried beforehand.

    `assignments` are those of :func:`~unitarygraph.training.settings.resolve` and go to every model;
    ``MODEL.key`` goes to that model alone, ``MODEL.hidden`` is its size. Where neither ``steps`` nor
    ``minutes`` is given, the budget is the task's number of steps. A model that cannot do the task,
    has no such size, or cannot be loaded and was not asked for by name, is left out with its reason.

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
    given = dict(assignments or {})
    command = command_of(task, names, path, seeds, hidden, backend, dtype, given, jobs)
    common, own = shares(given, chosen)
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
        options = common | own[model]
        size = _size(model, options.pop("hidden", hidden))
        settings = tuple(
            _settings(task, model, size, backend, dtype, options | {"training.seed": seed})
            for seed in range(seeds)
        )
        try:
            parameters = examine(settings[0])
        except ImportError:
            raise
        except Exception as error:
            if own[model]:
                raise ValueError(f"{model}: {in_words(error)}") from error
            left_out[model] = in_words(error)
            continue
        entrants.append(Entrant(model, settings, parameters))
    if not entrants:
        reasons = "; ".join(f"{model}: {reason}" for model, reason in left_out.items())
        raise ValueError(f"compare {task}: no model is left ({reasons})")
    baseline = tasks.build(task, **entrants[0].settings[0].task_options).baseline
    return Comparison(path, task, tuple(entrants), left_out, baseline, command, jobs)


def shares(
    assignments: Mapping[str, Any], chosen: Sequence[str]
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
            raise ValueError(f"--set {key}: a comparison runs the seeds 0, 1, ...: write --seeds")
        if owner is None and "." in key and first in models.names():
            raise ValueError(f"--set {key}: {first} is not among the models {', '.join(chosen)}")
        if owner is None:
            common[plain if plain in BUDGET else key] = value
        elif plain in BUDGET:
            raise ValueError(f"--set {key}: all models have one budget")
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
    task: str, model: str, hidden: int, backend: str, dtype: str, options: dict[str, Any]
) -> Settings:
    try:
        return resolve(task, model, hidden, backend, dtype, options)
    except ValueError as error:
        more = ""
        if "no such option" in str(error):
            more = " (an option that not all models have is written MODEL.KEY=VALUE)"
        raise ValueError(f"{model}: {error}{more}") from None


def _size(model: str, value: Any) -> int:
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"--set {model}.hidden: expected int, got {value!r}") from None


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
) -> str:
    """Return the command line that makes a comparison."""
    words = ["unitarygraph", "compare", task, "--models", ",".join(names), "--seeds", str(seeds)]
    sets = dict(assignments)
    for name in BUDGET:
        if name in sets:
            words += [f"--{name}", str(sets.pop(name))]
    words += ["--hidden", str(hidden)]
    words += ["--backend", backend] if backend != "numba" else []
    words += ["--dtype", dtype] if dtype != "float32" else []
    words += ["--jobs", str(jobs)] if jobs > 1 else []
    for key, value in sets.items():
        words += ["--set", f"{key}={value}"]
    return shlex.join([*words, "--out", str(path)])
