"""A run from beginning to end: begin or resume, compile, train, draw; load it again, evaluate it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytensor
from rich.console import Console

from unitarygraph.models.base import Model
from unitarygraph.tasks.base import Task
from unitarygraph.training.begin import begin
from unitarygraph.training.best import best_of, stopped_early
from unitarygraph.training.columns import Columns, csv_text
from unitarygraph.training.display import Progress, console_for, summary
from unitarygraph.training.export import weights_of
from unitarygraph.training.loop import take_steps
from unitarygraph.training.process import resources
from unitarygraph.training.program import Program, Scalars, model_of, restore_model, task_of
from unitarygraph.training.settings import Settings
from unitarygraph.training.store import Checkpoint, Row, RunDirectory, read_rows, write_atomically
from unitarygraph.training.tensorboard import events, summary_writer

# It is loaded when there is something to draw, after the training: too late to find it missing.
if find_spec("matplotlib") is None:
    raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")


@dataclass(eq=False)
class Run:
    """A run: its settings, its files, its numbers and its model.

    `settings` are complete, `rows` those of ``metrics.jsonl``, and `files` says where everything is:
    ``files.config``, ``files.metrics``, ``files.checkpoint`` and ``files.curves``.
    """

    files: RunDirectory
    settings: Settings
    rows: list[Row]

    @property
    def path(self) -> Path:
        """The run directory."""
        return self.files.path

    @property
    def paths(self) -> dict[str, Path]:
        """The files by name: ``config``, ``metrics``, ``csv``, ``checkpoint``, ``best`` and ``curves``.

        ``best`` is not there where the run has evaluated nothing, or keeps no best.
        """
        return {
            name: getattr(self.files, name)
            for name in ("config", "metrics", "csv", "checkpoint", "best", "curves")
        }

    @cached_property
    def metrics(self) -> Columns:
        """The rows as columns: NumPy arrays by name, NaN where a row has no such number."""
        return Columns(self.rows)

    @property
    def summary(self) -> dict[str, Any]:
        """The last row's numbers, the task's baseline, and losses as shares of it."""
        return summary(self.rows, self.task.baseline)

    @property
    def best(self) -> Row | None:
        """The row of the best evaluation, by the setting `monitor`; None where there was none."""
        best = best_of(self.rows, self.settings.training)
        return None if best is None else best.row

    @property
    def stopped_early(self) -> bool:
        """Whether `patience` evaluations without a better one have ended the run."""
        return stopped_early(self.rows, self.settings.training) is not None

    @cached_property
    def task(self) -> Task:
        """The task, with its batches, loss, metrics and baseline."""
        return task_of(self.settings)

    @cached_property
    def model(self) -> Model:
        """The model with the values of the last checkpoint, for any graph: ``run.model(x)``.

        Raises FileNotFoundError where the run has no checkpoint, ValueError for a damaged one.
        """
        return self._model_with(self.files.last_checkpoint())

    @cached_property
    def best_model(self) -> Model:
        """The model with the values of the best evaluation.

        Raises FileNotFoundError where there is no such checkpoint, ValueError for a damaged one.
        """
        return self._model_with(self.files.best_checkpoint())

    def weights(self, which: Literal["last", "best"] = "last") -> dict[str, np.ndarray]:
        """The weights of a checkpoint by name, as :func:`~unitarygraph.training.export.weights_of`.

        Complex variables are complex arrays, and ``recurrent`` is W multiplied out, (n, n). Raises
        ValueError for another word, and as `model` and `best_model` do.
        """
        if which not in ("last", "best"):
            raise ValueError(f"weights: expected last or best, got {which!r}")
        return weights_of(self.model if which == "last" else self.best_model)

    def _model_with(self, checkpoint: Checkpoint) -> Model:
        model = model_of(self.settings, self.task)
        restore_model(model, checkpoint.values)
        return model

    def __repr__(self) -> str:
        s = self.settings
        step = self.rows[-1]["step"] if self.rows else 0
        return (
            f"Run({s.task}, {s.model}, {s.hidden} hidden units, "
            f"step {step} of {s.training.steps}, {str(self.path)!r})"
        )


def train(
    task: str | None = None,
    model: str | None = None,
    hidden: int | None = None,
    steps: int | None = None,
    seed: int | None = None,
    out: str | PathLike | None = None,
    backend: str | None = None,
    dtype: str | None = None,
    *,
    config: str | PathLike | None = None,
    resume: bool = False,
    force: bool = False,
    tensorboard: bool = False,
    progress: bool | Console = True,
    assignments: Mapping[str, Any] | None = None,
    **options: Any,
) -> Run:
    """Train a model on a task, as ``unitarygraph train`` does, and return the run.

    Parameters
    ----------
    task, model
        Names of ``unitarygraph.tasks`` and ``unitarygraph.models``, or ``module:Class``; the model is
        ``exprnn`` by default, and both are those of `config` where it is given.
    hidden
        Hidden units, 128 by default.
    steps, seed
        Training steps (the task's by default), and the seed of first values and data (0).
    out
        The run directory, ``runs/TASK-MODEL`` by default.
    backend, dtype
        ``kernels`` (default), ``numba``, ``jax``, ``pytorch``, ``c`` or ``python``; ``float32``
        (default) or ``float64``.
    config
        A ``config.toml`` of another run, whose settings stand for all that is not given.
    resume, force
        Continue the run in `out`, or overwrite it. What is given beside `resume` must be what the
        run began with, but for what :func:`~unitarygraph.training.settings.may_resume` lets change.
    tensorboard
        Write the rows as events to ``OUT/tensorboard``, too, by tensorboardX or torch.
    progress
        False shows nothing; a ``rich.console.Console`` is written to.
    assignments, **options
        Any option of task, model, rules or training: ``delay=100``, ``learning_rate=1e-3``,
        ``orthogonal={"name": "rmsprop", "learning_rate": 1e-4}``. `assignments` takes those that
        Python cannot say as keywords, by the keys of ``--set``: ``{"task.delay": 100}``.

    Raises
    ------
    ValueError
        For what is wrong in the arguments, and for a damaged checkpoint to be resumed.
    FileExistsError
        Where `out` holds a run and neither `resume` nor `force` is given.
    KeyboardInterrupt
        After Ctrl-C, when a checkpoint is written and the curves are drawn.
    NotFinite
        When a loss or a shared variable is NaN or infinite; the last good checkpoint stays.
    ImportError
        For `tensorboard` where no package that writes events is installed.
    NotImplementedError
        Where the backend cannot run the model.
    """
    console = console_for(progress)
    if tensorboard:
        summary_writer()  # to be told before anything is written
    files, program = begin(
        task, model, hidden, steps, seed, out, backend, dtype, config=config, resume=resume,
        force=force, console=console, assignments={**(assignments or {}), **options}, said="",
    )  # fmt: skip
    try:
        rows = execute(files, program, console, tensorboard=tensorboard)
    except KeyboardInterrupt as stop:
        stop.add_note(
            f"continue with train({program.settings.task!r}, out={str(files.path)!r}, resume=True)"
        )
        raise
    run = Run(files, program.settings, rows)
    run.task, run.model = program.task, program.model  # the model holds what it was trained to
    return run


def load(run: str | PathLike) -> Run:
    """Return the run in a directory, finished or not; nothing is compiled and nothing written.

    Raises FileNotFoundError where there is no run, ValueError where its settings cannot be read.
    """
    files = RunDirectory(Path(run))
    return Run(files, files.settings(), read_rows(files.metrics))


def execute(
    files: RunDirectory,
    program: Program,
    console: Console,
    label: str = "",
    tensorboard: bool = False,
) -> list[Row]:
    """Compile and train a prepared run to its last step; return the rows of metrics.jsonl.

    What is shown of it begins with `label`; `tensorboard` writes events, too. The
    curves are drawn at the end, also when training stops early. Raises what
    :func:`unitarygraph.training.loop.take_steps` raises.
    """
    settings, baseline = program.settings, program.task.baseline
    training = settings.training
    progress = Progress(console, training.steps, baseline, training.minutes, label)
    with (
        pytensor.config.change_flags(floatX=settings.dtype),
        resources(training.blas_threads),
    ):
        if program.task.note:
            console.print(f"{label}{program.task.note}", soft_wrap=True, highlight=False)
        size = f"{settings.hidden} hidden units, {settings.backend}"
        with progress.compiling(f"{settings.model} for {settings.task} ({size})"):
            program.compile()
        checkpoint = files.load_checkpoint()
        try:
            done, spent = (checkpoint.step, checkpoint.seconds) if checkpoint else (0, 0.0)
            log = events(files.path / "tensorboard", done) if tensorboard else nullcontext()
            with progress.training(done, spent), log as write:
                rows = take_steps(program, files, progress, write)
            why = stopped_early(rows, training)
            if why:
                before = f"{label}  " if label else ""
                again = "; a larger patience goes on" if done == rows[-1]["step"] else ""
                console.print(f"{before}{why}{again}", soft_wrap=True, highlight=False)
            # JAX leaves arrays of its own in the variables that it updates.
            program.restore(program.values())
            return rows
        finally:
            draw(files, settings, baseline)


def evaluate(files: RunDirectory, program: Program, console: Console) -> tuple[int, Scalars]:
    """Return the checkpoint's step, and loss and metrics over the whole evaluation set.

    Raises FileNotFoundError where the run has no checkpoint.
    """
    settings = program.settings
    checkpoint = files.last_checkpoint()
    restore_model(program.model, checkpoint.values)
    progress = Progress(console, settings.training.steps, program.task.baseline)
    with (
        pytensor.config.change_flags(floatX=settings.dtype),
        resources(settings.training.blas_threads),
    ):
        with progress.compiling(f"the evaluation of {settings.model} for {settings.task}"):
            program.compile_evaluation()
        scalars = program.evaluate()
    unitarity = program.unitarity()
    return checkpoint.step, scalars | ({} if unitarity is None else {"unitarity": unitarity})


def draw(files: RunDirectory, settings: Settings, baseline: float | None) -> None:
    """Draw ``curves.png`` from ``metrics.jsonl``, and write ``metrics.csv``."""
    rows = read_rows(files.metrics)
    write_atomically(files.csv, csv_text(rows).encode())
    from unitarygraph.training.curves import draw_curves

    title = f"{settings.task}, {settings.model}, {settings.hidden} hidden units"
    draw_curves(files.curves, rows, title, baseline)
