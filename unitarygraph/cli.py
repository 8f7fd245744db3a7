"""The command line: ``unitarygraph train | compare | reproduce | evaluate | report | export | list``.

It parses, calls and prints: what the commands do is `unitarygraph.training` and
`unitarygraph.comparing`. Exit codes: 0 done, 1 an error, 2 a wrong command line, 3 a loss or
parameter not finite, 130 and 143 stopped by Ctrl-C and SIGTERM.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from unitarygraph import models, tasks
from unitarygraph.training import naming_the_extra

with naming_the_extra("the command line"):
    import typer
    from rich.console import Console
    from rich.table import Table

    from unitarygraph.comparing import comparison
    from unitarygraph.comparing.report import described, printed
    from unitarygraph.training import run as training_run
    from unitarygraph.training.backends import BACKENDS, DEFAULT_BACKEND
    from unitarygraph.training.begin import begin, prepare
    from unitarygraph.training.best import best_of
    from unitarygraph.training.display import (
        best_in_words,
        console_for,
        numbers_table,
        report_table,
        summary_table,
    )
    from unitarygraph.training.export import write_weights
    from unitarygraph.training.loop import Interrupted, NotFinite
    from unitarygraph.training.presets import preset
    from unitarygraph.training.program import Program, task_of
    from unitarygraph.training.reproduction import presets_table, reproduction_table
    from unitarygraph.training.settings import DTYPES
    from unitarygraph.training.store import Row, RunDirectory, read_rows
    from unitarygraph.training.tensorboard import summary_writer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Train unitary recurrent networks and their relatives.",
)

Directory = Annotated[Path, typer.Argument(metavar="DIR", help="a run directory")]
Task = Annotated[str, typer.Argument(metavar="TASK", help=", ".join(tasks.names()))]
Resume = Annotated[bool, typer.Option("--resume", help="continue the run in DIR")]
Force = Annotated[bool, typer.Option("--force", help="overwrite the run in DIR")]


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


@app.command()
def compare(
    task: Task,
    names: Annotated[
        str, typer.Option("--models", metavar="A,B,C", help="names, or all for every model")
    ] = "all",
    seeds: Annotated[int, typer.Option(help="runs of a model, with the seeds 0, 1, ...")] = 1,
    steps: Annotated[
        int | None, typer.Option(help="budget of a run", show_default="the task's")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="budget of a run: minutes of training, without compiling")
    ] = None,
    hidden: Annotated[int, typer.Option(help="hidden units")] = 128,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", show_default="runs/compare-TASK")
    ] = None,
    backend: Annotated[str, typer.Option(help=", ".join(BACKENDS))] = DEFAULT_BACKEND,
    dtype: Annotated[str, typer.Option(help=", ".join(DTYPES))] = "float32",
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="an option of all models; MODEL.KEY=VALUE of one"
        ),
    ] = None,
    grids: Annotated[
        list[str] | None,
        typer.Option(
            "--grid", metavar="KEY=V1,V2", help="run every model with each value; several multiply"
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(help="runs side by side, which slows each")] = 1,
    resume: Annotated[
        bool, typer.Option("--resume", help="continue; finished runs are kept")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="overwrite the runs in DIR")] = False,
) -> None:
    """Train several models on a task under one budget; leave a table and a picture in DIR."""
    console = console_for(True)
    with errors_in_words():
        plan = comparison.begin(
            task, names, seeds, steps, minutes, hidden, out, jobs, backend=backend, dtype=dtype,
            resume=resume, force=force, assignments=read_assignments(assignments or []),
            grid=read_assignments(grids or [], "--grid"), said="--set ",
        )  # fmt: skip
    stopped = None
    try:
        found = comparison.execute(plan, console)
    except Interrupted as stop:
        found, stopped = stop.result, stop
    console.print("", described(plan), sep="\n", soft_wrap=True, highlight=False)
    console.print(printed(found.rows))
    for row in found.rows:
        if row["reason"]:
            console.print(f"{row['name']}: {row['reason']}", soft_wrap=True, highlight=False)
    console.print(f"table and picture: {found.path}", soft_wrap=True, highlight=False)
    if stopped is not None:
        console.print("stopped; continue with the same command and --resume")
        raise typer.Exit(128 + stopped.signal)
    kinds = {outcome.kind for outcome in found.outcomes.values()}
    if "not finite" in kinds:
        raise typer.Exit(3)
    if "failed" in kinds:
        raise typer.Exit(1)


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


def read_assignments(texts: list[str], option: str = "--set") -> dict[str, str]:
    """Return ``key=value`` texts as a dict; ValueError for one without "=" and for a repetition."""
    read: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise ValueError(f"{option}: expected KEY=VALUE, got {text!r}")
        if key in read:
            raise ValueError(f"{key} is given twice")
        read[key] = value
    return read


def refusal(error: NotImplementedError) -> typer.Exit:
    """Say which backend cannot run which model, and return the exit."""
    print(f"error: {error}", file=sys.stderr)
    return typer.Exit(1)


@contextmanager
def errors_in_words() -> Iterator[None]:
    """Turn what a user can cause into one line on stderr: exit 2, or 1 for missing packages."""
    try:
        yield
    except (ImportError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1 if isinstance(error, ImportError) else 2) from None


def main() -> None:
    """Run the command line; ``module:Class`` may stand in the working directory."""
    if not {"", str(Path.cwd())} & set(sys.path):
        sys.path.append(str(Path.cwd()))
    app()


if __name__ == "__main__":
    main()
