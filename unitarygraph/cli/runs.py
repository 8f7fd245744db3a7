"""``evaluate``, ``report``, ``export`` and ``list``: what there is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from unitarygraph import models, tasks
from unitarygraph.cli.common import Directory, app, errors_in_words, refusal
from unitarygraph.training import run as training_run
from unitarygraph.training.backends import BACKENDS
from unitarygraph.training.begin import prepare
from unitarygraph.training.display import console_for, numbers_table, report_table
from unitarygraph.training.export import write_weights
from unitarygraph.training.program import task_of
from unitarygraph.training.store import RunDirectory, read_rows


@app.command()
def evaluate(
    directory: Directory,
    backend: Annotated[
        str | None, typer.Option(help=", ".join(BACKENDS), show_default="the run's")
    ] = None,
) -> None:
    """Compute loss and metrics of a run's checkpoint over the whole evaluation set."""
    console = console_for(True)
    with errors_in_words():
        run = RunDirectory(directory)
        program = prepare(run.settings(backend=backend))
        try:
            step, scalars = training_run.evaluate(run, program, console)
        except NotImplementedError as error:
            raise refusal(error) from None
    row = {f"eval_{k}" if k != "unitarity" else k: v for k, v in scalars.items()}
    console.print(numbers_table([{"step": step, **row}], program.task.baseline))


@app.command()
def report(
    directories: Annotated[list[Path], typer.Argument(metavar="DIR...", help="run directories")],
) -> None:
    """Draw the curves of runs again from their metrics and compare the runs in a table."""
    with errors_in_words():
        runs = []
        for run in map(RunDirectory, directories):
            settings = run.settings()
            baseline = task_of(settings).baseline
            training_run.draw(run, settings, baseline)
            runs.append((run, settings, read_rows(run.metrics), baseline))
        console_for(True).print(report_table(runs))


@app.command()
def export(
    directory: Directory,
    out: Annotated[Path, typer.Argument(metavar="OUT.npz", help="the file to be written")],
    checkpoint: Annotated[str, typer.Option(help="last, best")] = "last",
    force: Annotated[bool, typer.Option("--force", help="overwrite OUT.npz")] = False,
) -> None:
    """Write a run's weights as NumPy arrays by name, W multiplied out as `recurrent`."""
    with errors_in_words():
        if checkpoint not in ("last", "best"):
            raise ValueError(f"--checkpoint: expected last or best, got {checkpoint!r}")
        weights = training_run.load(directory).weights("best" if checkpoint == "best" else "last")
        write_weights(out, weights, force)
        table = Table("name", "dtype", "shape", box=None, pad_edge=False)
        for name, value in weights.items():
            table.add_row(name, str(value.dtype), " x ".join(map(str, value.shape)))
        console_for(True).print(table)


@app.command("list")
def list_names(
    what: Annotated[str, typer.Argument(metavar="models|tasks", help="what to list")],
) -> None:
    """List models or tasks with their options and defaults."""
    with errors_in_words():
        sources = {"models": models, "tasks": tasks}
        if what not in sources:
            raise ValueError(f"list: expected models or tasks, got {what!r}")
        source = sources[what]
        table = Table("name", "options", "what it is", box=None, pad_edge=False)
        for name in source.names():
            try:
                options = ", ".join(f"{k}={v}" for k, v in source.options_of(name).items())
                first = (source.lookup(name).__doc__ or "").strip().partition("\n")[0]
            except (ImportError, ValueError) as error:  # another package's fault is not the list's
                options, first = "?", str(error)
            table.add_row(name, options or "none", first)
        console_for(True).print(table)
