"""``train`` and ``reproduce``: one run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from unitarygraph import models, tasks
from unitarygraph.cli.common import (
    Force,
    Resume,
    app,
    errors_in_words,
    read_assignments,
    refusal,
)
from unitarygraph.training import run as training_run
from unitarygraph.training.backends import BACKENDS, DEFAULT_BACKEND
from unitarygraph.training.begin import begin
from unitarygraph.training.best import best_of
from unitarygraph.training.display import best_in_words, console_for, summary_table
from unitarygraph.training.loop import Interrupted, NotFinite
from unitarygraph.training.presets import preset
from unitarygraph.training.program import Program
from unitarygraph.training.reproduction import presets_table, reproduction_table
from unitarygraph.training.settings import DTYPES
from unitarygraph.training.store import Row, RunDirectory
from unitarygraph.training.tensorboard import summary_writer


@app.command()
def train(
    task: Annotated[
        str | None,
        typer.Argument(
            metavar="TASK", help=", ".join(tasks.names()), show_default="that of --config"
        ),
    ] = None,
    # None is what is not given: a resumed run keeps its own
    model: Annotated[
        str | None, typer.Option(help=", ".join(models.names()), show_default="exprnn")
    ] = None,
    hidden: Annotated[int | None, typer.Option(help="hidden units", show_default="128")] = None,
    steps: Annotated[
        int | None, typer.Option(help="training steps", show_default="the task's")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="of data and first values", show_default="0")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="run directory", show_default="runs/TASK-MODEL"),
    ] = None,
    backend: Annotated[
        str | None, typer.Option(help=", ".join(BACKENDS), show_default=DEFAULT_BACKEND)
    ] = None,
    dtype: Annotated[
        str | None, typer.Option(help=", ".join(DTYPES), show_default="float32")
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="any option of task, model, rules or training"
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="a run's config.toml; what is given beside it goes over it"
        ),
    ] = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="write events to DIR/tensorboard, too")
    ] = False,
    resume: Resume = False,
    force: Force = False,
) -> None:
    """Train a model on a task and leave settings, metrics, a checkpoint and a picture in DIR."""
    console = console_for(True)
    with errors_in_words():
        if tensorboard:
            summary_writer()  # to be told before anything is written
        run, program = begin(
            task, model, hidden, steps, seed, out, backend, dtype, config=config, resume=resume,
            force=force, console=console, assignments=read_assignments(assignments or []), said="--set ",
        )  # fmt: skip
    name = program.settings.task
    again = f"continue with: unitarygraph train {name} --out {run.path} --resume"
    to_the_end(run, program, console, again, tensorboard)


@app.command()
def reproduce(
    name: Annotated[str, typer.Argument(metavar="PAPER/EXPERIMENT", help="a preset, or list")],
    data: Annotated[
        str | None, typer.Option(metavar="DIR", help="your copy of the data", show_default="none")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="training steps", show_default="the paper's")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="of data and first values")] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="run directory", show_default="runs/PAPER-EXPERIMENT"),
    ] = None,
    resume: Resume = False,
    force: Force = False,
) -> None:
    """Train a published experiment by its own settings, and set its figure beside the one measured."""
    console = console_for(True)
    if name == "list":
        console.print(presets_table())
        return
    with errors_in_words():
        chosen = preset(name)
        directory = out or Path("runs") / name.replace("/", "-")
        run, program = begin(
            chosen.task, chosen.model, chosen.hidden, steps or chosen.steps, seed, directory,
            resume=resume, force=force, console=console, assignments=chosen.assignments(data),
            said="",
        )  # fmt: skip
    again = f"continue with: unitarygraph reproduce {name} --out {run.path} --resume"
    rows = to_the_end(run, program, console, again)
    console.print(reproduction_table(chosen, rows, program.task.note))


def to_the_end(
    run: RunDirectory, program: Program, console: Console, again: str, tensorboard: bool = False
) -> list[Row]:
    """Train to the last step and print the numbers; where it stops, say how to go on and exit."""
    try:
        rows = training_run.execute(run, program, console, tensorboard=tensorboard)
    except Interrupted as stop:
        console.print(f"{stop}; {again}", soft_wrap=True, highlight=False)
        raise typer.Exit(128 + stop.signal) from None
    except KeyboardInterrupt:
        console.print(f"stopped at once; {again}", soft_wrap=True, highlight=False)
        raise typer.Exit(130) from None
    except NotImplementedError as error:
        raise refusal(error) from None
    except NotFinite as stop:
        Console(stderr=True).print(f"error: {stop}", soft_wrap=True, highlight=False)
        raise typer.Exit(3) from None
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    console.print(summary_table(run, rows, program.task.baseline))
    best = best_of(rows, program.settings.training)
    if best is not None:
        console.print(best_in_words(run, best.row), soft_wrap=True, highlight=False)
    return rows
