"""A run from beginning to end: begin or resume, compile, train, draw; and its evaluation."""

from __future__ import annotations

import pytensor
from rich.console import Console

from unitarygraph.training.compile import Program, Scalars
from unitarygraph.training.loop import train
from unitarygraph.training.metrics import Row, read_rows
from unitarygraph.training.plots import draw_curves
from unitarygraph.training.progress import Progress
from unitarygraph.training.resources import resources
from unitarygraph.training.rundir import RunDirectory, versions
from unitarygraph.training.settings import Settings


def prepare(settings: Settings) -> Program:
    """Build task, model and data of a run; nothing is compiled and nothing written yet."""
    with pytensor.config.change_flags(floatX=settings.dtype):
        return Program(settings)


def execute(run: RunDirectory, program: Program, console: Console, label: str = "") -> list[Row]:
    """Compile and train a prepared run to its last step; return the rows of metrics.jsonl.

    What is shown of it begins with `label`.

    The curves are drawn at the end, also when training stops early. Raises what
    :func:`unitarygraph.training.loop.train` raises.
    """
    settings, baseline = program.settings, program.task.baseline
    training = settings.training
    progress = Progress(console, training.steps, baseline, training.minutes, label)
    with (
        pytensor.config.change_flags(floatX=settings.dtype),
        resources(training.blas_threads),
    ):
        with progress.compiling(f"{settings.model} for {settings.task} ({settings.backend})"):
            program.compile()
        checkpoint = run.load_checkpoint()
        try:
            done, spent = (checkpoint.step, checkpoint.seconds) if checkpoint else (0, 0.0)
            with progress.training(done, spent):
                rows = train(program, run, progress)
            # JAX leaves arrays of its own in the variables that it updates.
            program.restore(program.values())
            return rows
        finally:
            draw(run, settings, baseline)


def evaluate(run: RunDirectory, program: Program, console: Console) -> tuple[int, Scalars]:
    """Return the checkpoint's step, and loss and metrics over the whole evaluation set.

    Raises FileNotFoundError where the run has no checkpoint.
    """
    settings = program.settings
    checkpoint = run.load_checkpoint()
    if checkpoint is None:
        raise FileNotFoundError(f"{run.path} has no checkpoint yet")
    program.restore_parameters(checkpoint.values)
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


def draw(run: RunDirectory, settings: Settings, baseline: float | None) -> None:
    """Draw ``curves.png`` from ``metrics.jsonl``."""
    title = f"{settings.task}, {settings.model}, {settings.hidden} hidden units"
    draw_curves(run.curves, read_rows(run.metrics), title, baseline)


def changed_versions(run: RunDirectory) -> list[str]:
    """Return a line for each package whose version is not the one the run began with."""
    noted, now = run.noted_versions(), versions()
    return [
        f"{name}: the run began with {noted.get(name, 'none')}, this is {now.get(name, 'none')}"
        for name in sorted({*noted, *now})
        if noted.get(name) != now.get(name)
    ]
