"""``compare``: many runs under one budget."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unitarygraph.cli.common import Task, app, errors_in_words, read_assignments
from unitarygraph.comparing import comparison
from unitarygraph.comparing.report import described, printed
from unitarygraph.training.backends import BACKENDS, DEFAULT_BACKEND
from unitarygraph.training.display import console_for
from unitarygraph.training.loop import Interrupted
from unitarygraph.training.settings import DTYPES


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
