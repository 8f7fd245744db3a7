"""Several models on one task under one budget, each run in a run directory of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from unitarygraph import tasks
from unitarygraph.training.loop import Interrupted, NotFinite
from unitarygraph.training.metrics import read_rows
from unitarygraph.training.run import draw, execute, prepare
from unitarygraph.training.rundir import RunDirectory
from unitarygraph.training.settings import Settings, may_resume

#: the budget, which all models share
BUDGET = ("steps", "minutes")


@dataclass(frozen=True)
class Entrant:
    """A model in a comparison: the settings of its runs, one a seed, and its trained numbers."""

    model: str
    settings: tuple[Settings, ...]
    parameters: int


@dataclass(frozen=True)
class Comparison:
    """What is to be run in `path`, and by which command; `left_out` has reasons by model."""

    path: Path
    task: str
    entrants: tuple[Entrant, ...]
    left_out: Mapping[str, str]
    baseline: float | None
    command: str
    jobs: int = 1

    def run_directory(self, model: str, seed: int) -> RunDirectory:
        """Return the run directory of a model and a seed: ``PATH/MODEL-seedK``."""
        return RunDirectory(self.path / f"{model.replace(':', '.')}-seed{seed}")

    def runs(self) -> list[Run]:
        """Return all runs in the order in which they are made."""
        return [
            Run(self.run_directory(entrant.model, seed), settings, entrant.model, seed)
            for entrant in self.entrants
            for seed, settings in enumerate(entrant.settings)
        ]


@dataclass(frozen=True)
class Run:
    """One run of a comparison."""

    directory: RunDirectory
    settings: Settings
    model: str
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
        return state.step >= training.steps or state.seconds >= limit


@dataclass(frozen=True)
class Outcome:
    """How a run ended: "finished", "not finite", "failed" or "stopped", and why."""

    kind: str
    reason: str | None = None
    signal: int = 0


def begin(comparison: Comparison, *, resume: bool = False, force: bool = False) -> None:
    """Make the directories of all runs; on `resume` check those that are there.

    Raises FileExistsError where there is a run already, unless `resume` or `force`, which removes
    its files, and ValueError where a run to be resumed has other settings; more steps or minutes
    may be asked for.
    """
    runs = comparison.runs()
    if not (resume or force):
        held = [run.directory.path for run in runs if run.directory.checkpoint.exists()]
        if held:
            raise FileExistsError(
                f"{held[0]} holds a run already: --resume continues the comparison, "
                "--force begins anew"
            )
    if resume:
        for run in runs:
            if run.directory.exists():
                may_resume(run.directory.settings(), run.settings, run.directory.path)
    for run in runs:
        if resume and run.directory.exists():
            run.directory.write_settings(run.settings)
        else:
            run.directory.begin(run.settings, force)


def attempt(run: Run, console: Console, label: str = "") -> Outcome:
    """Make one run, or what is left of it; whatever it raises becomes an outcome."""
    if run.finished():
        if not run.directory.curves.exists():
            baseline = tasks.build(run.settings.task, **run.settings.task_options).baseline
            draw(run.directory, run.settings, baseline)
        return Outcome("finished")
    try:
        execute(run.directory, prepare(run.settings), console, label)
    except Interrupted as stop:
        return Outcome("stopped", str(stop), stop.signal)
    except KeyboardInterrupt:
        return Outcome("stopped", "stopped at once", 2)
    except NotFinite as stop:
        return Outcome("not finite", str(stop).partition(";")[0])
    except NotImplementedError as error:
        reason = f"backend {run.settings.backend} cannot run {run.model}: {error}"
        return Outcome("failed", " ".join(reason.split()))
    except Exception as error:
        return Outcome("failed", in_words(error))
    return Outcome("finished")


def in_words(error: Exception) -> str:
    """Return an error's message in one line, with its type unless it is one for users."""
    text = " ".join(str(error).split())[:300]
    if isinstance(error, (ImportError, OSError, ValueError)) and text:
        return text
    return f"{type(error).__name__}: {text}"
