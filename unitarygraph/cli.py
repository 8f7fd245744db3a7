"""The command line: ``unitarygraph train | compare | evaluate | report | list``.

Exit codes: 0 done, 1 an error, 2 a wrong command line, 3 a loss or parameter not finite, 130 and
143 stopped by Ctrl-C and SIGTERM.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

try:
    import tomli_w  # noqa: F401
    import typer
    from rich.console import Console
    from rich.table import Table

    from unitarygraph.training import tables
    from unitarygraph.training.backends import BACKENDS
    from unitarygraph.training.compare import begin
    from unitarygraph.training.compare_arrange import arrange
    from unitarygraph.training.compare_plots import draw_comparison
    from unitarygraph.training.compare_runs import run_all
    from unitarygraph.training.compare_table import described, printed, table_of, write_tables
    from unitarygraph.training.loop import Interrupted, NotFinite
    from unitarygraph.training.metrics import read_rows
    from unitarygraph.training.options import resolve
    from unitarygraph.training.run import changed_versions, draw, execute, prepare
    from unitarygraph.training.run import evaluate as evaluate_run
    from unitarygraph.training.rundir import RunDirectory
    from unitarygraph.training.settings import DTYPES, Settings
except ModuleNotFoundError as error:
    if error.name is None or error.name.startswith("unitarygraph"):
        raise
    raise ModuleNotFoundError(
        f"the command line needs the package {error.name}, which is not installed; "
        'install it with: pip install "unitarygraph[train]"',
        name=error.name,
    ) from error

from unitarygraph import models, tasks

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Train unitary recurrent networks and their relatives.",
)

Directory = Annotated[Path, typer.Argument(metavar="DIR", help="a run directory")]


@app.command()
def train(
    task: Annotated[str, typer.Argument(metavar="TASK", help=", ".join(tasks.names()))],
    model: Annotated[
        str | None, typer.Option(help=f"{', '.join(models.names())}  [default: exprnn]")
    ] = None,
    hidden: Annotated[int | None, typer.Option(help="hidden units  [default: 128]")] = None,
    steps: Annotated[int | None, typer.Option(help="training steps  [default: the task's]")] = None,
    seed: Annotated[int | None, typer.Option(help="of data and first values  [default: 0]")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="run directory  [default: runs/TASK-MODEL]")
    ] = None,
    backend: Annotated[
        str | None, typer.Option(help=f"{', '.join(BACKENDS)}  [default: numba]")
    ] = None,
    dtype: Annotated[
        str | None, typer.Option(help=f"{', '.join(DTYPES)}  [default: float32]")
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="any option of task, model, optimizer or training"
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="continue the run in DIR")] = False,
    force: Annotated[bool, typer.Option("--force", help="overwrite the run in DIR")] = False,
) -> None:
    """Train a model on a task and leave settings, metrics, a checkpoint and a picture in DIR."""
    console = console_for_output()
    names = {"model": model, "hidden": hidden, "backend": backend, "dtype": dtype}
    given: dict[str, Any] = {key: value for key, value in names.items() if value is not None}
    with errors_in_words():
        if resume and force:
            raise ValueError("--resume and --force exclude each other")
        options = read_assignments(assignments or [], steps=steps, seed=seed)
        name = f"{task}-{model or 'exprnn'}".replace(":", ".")
        run = RunDirectory(out or Path("runs") / name)
        if resume:
            settings = run.resumed({"task": task, **given}, options)
            for line in changed_versions(run):
                console.print(f"note: {line}; the last digits may differ", soft_wrap=True)
        else:
            settings = resolve(task=task, assignments=options, **given)
        program = prepare(settings)
        if resume:
            run.write_settings(settings)
        else:
            run.begin(settings, force)
    again = f"continue with: unitarygraph train {settings.task} --out {run.path} --resume"
    try:
        rows = execute(run, program, console)
    except Interrupted as stop:
        console.print(f"{stop}; {again}", soft_wrap=True, highlight=False)
        raise typer.Exit(128 + stop.signal) from None
    except KeyboardInterrupt:
        console.print(f"stopped at once; {again}", soft_wrap=True, highlight=False)
        raise typer.Exit(130) from None
    except NotImplementedError as error:
        raise refusal_of(settings, error) from None
    except NotFinite as stop:
        Console(stderr=True).print(f"error: {stop}", soft_wrap=True, highlight=False)
        raise typer.Exit(3) from None
    console.print(tables.summary_table(run, rows, program.task.baseline))


@app.command()
def compare(
    task: Annotated[str, typer.Argument(metavar="TASK", help=", ".join(tasks.names()))],
    names: Annotated[
        str, typer.Option("--models", metavar="A,B,C", help="names, or all for every model")
    ] = "all",
    seeds: Annotated[int, typer.Option(help="runs of a model, with the seeds 0, 1, ...")] = 1,
    steps: Annotated[
        int | None, typer.Option(help="budget of a run  [default: the task's]")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="budget of a run: minutes of training, without compiling")
    ] = None,
    hidden: Annotated[int, typer.Option(help="hidden units")] = 128,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="[default: runs/compare-TASK]")
    ] = None,
    backend: Annotated[str, typer.Option(help=", ".join(BACKENDS))] = "numba",
    dtype: Annotated[str, typer.Option(help=", ".join(DTYPES))] = "float32",
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="an option of all models; MODEL.KEY=VALUE of one"
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(help="runs side by side, which slows each")] = 1,
    resume: Annotated[
        bool, typer.Option("--resume", help="continue; finished runs are kept")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="overwrite the runs in DIR")] = False,
) -> None:
    """Train several models on a task under one budget; leave a table and a picture in DIR."""
    console = console_for_output()
    with errors_in_words():
        if resume and force:
            raise ValueError("--resume and --force exclude each other")
        comparison = arrange(
            task,
            [name.strip() for name in names.split(",") if name.strip()],
            out or Path("runs") / f"compare-{task.replace(':', '.')}",
            seeds=seeds,
            hidden=hidden,
            backend=backend,
            dtype=dtype,
            assignments=read_assignments(assignments or [], steps=steps, minutes=minutes),
            jobs=jobs,
        )
        begin(comparison, resume=resume, force=force)
    for model, reason in comparison.left_out.items():
        console.print(f"{model} is left out: {reason}", soft_wrap=True, highlight=False)
    outcomes = run_all(comparison, console)
    table = table_of(comparison, outcomes)
    write_tables(comparison, table)
    draw_comparison(comparison, table)
    console.print("", described(comparison), sep="\n", soft_wrap=True, highlight=False)
    console.print(printed(comparison, table))
    for row in table:
        if row["reason"]:
            console.print(f"{row['model']}: {row['reason']}", soft_wrap=True, highlight=False)
    console.print(f"table and picture: {comparison.path}", soft_wrap=True, highlight=False)
    kinds = {outcome.kind: outcome for outcome in outcomes.values()}
    if "stopped" in kinds:
        console.print("stopped; continue with the same command and --resume")
        raise typer.Exit(128 + kinds["stopped"].signal)
    if "not finite" in kinds:
        raise typer.Exit(3)
    if "failed" in kinds:
        raise typer.Exit(1)


@app.command()
def evaluate(
    directory: Directory,
    backend: Annotated[
        str | None, typer.Option(help=f"{', '.join(BACKENDS)}  [default: the run's]")
    ] = None,
) -> None:
    """Compute loss and metrics of a run's checkpoint over the whole evaluation set."""
    console = console_for_output()
    with errors_in_words():
        run = RunDirectory(directory)
        program = prepare(run.settings(backend=backend))
        try:
            step, scalars = evaluate_run(run, program, console)
        except NotImplementedError as error:
            raise refusal_of(program.settings, error) from None
    row = {f"eval_{k}" if k != "unitarity" else k: v for k, v in scalars.items()}
    console.print(tables.numbers_table([{"step": step, **row}], program.task.baseline))


@app.command()
def report(
    directories: Annotated[list[Path], typer.Argument(metavar="DIR...", help="run directories")],
) -> None:
    """Draw the curves of runs again from their metrics and compare the runs in a table."""
    with errors_in_words():
        runs = []
        for run in map(RunDirectory, directories):
            settings = run.settings()
            baseline = tasks.build(settings.task, **settings.task_options).baseline
            draw(run, settings, baseline)
            runs.append((run, settings, read_rows(run.metrics), baseline))
        console_for_output().print(tables.report_table(runs))


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
        console_for_output().print(table)


def read_assignments(texts: list[str], **named: Any) -> dict[str, Any]:
    """Return ``key=value`` texts and the named options as one dict; ValueError for a repetition."""
    read = {key: value for key, value in named.items() if value is not None}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise ValueError(f"--set: expected KEY=VALUE, got {text!r}")
        if key in read:
            raise ValueError(f"{key} is given twice")
        read[key] = value
    return read


def console_for_output() -> Console:
    """Return the console on stdout; where that is no terminal, lines are not cut at 80 columns."""
    return Console() if sys.stdout.isatty() else Console(width=160)


def refusal_of(settings: Settings, error: NotImplementedError) -> typer.Exit:
    """Say which backend cannot run which model, and return the exit."""
    print(
        f"error: backend {settings.backend} cannot run {settings.model}: {error}", file=sys.stderr
    )
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
