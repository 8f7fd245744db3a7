"""A comparison from beginning to end, and what it found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

from rich.console import Console

from unitarygraph.comparing.plan import Plan, arrange
from unitarygraph.comparing.report import TableRow, table_of, write_tables
from unitarygraph.comparing.runs import Outcomes, make_directories, run_all
from unitarygraph.training.backends import DEFAULT_BACKEND
from unitarygraph.training.begin import with_named
from unitarygraph.training.columns import Columns
from unitarygraph.training.display import console_for
from unitarygraph.training.loop import Interrupted
from unitarygraph.training.run import Run, load


class Runs(Mapping[tuple[str, int], Run]):
    """The runs of a comparison by model and seed, each read from its directory when asked for."""

    def __init__(self, plan: Plan) -> None:
        self._paths = {(run.name, run.seed): run.directory.path for run in plan.runs()}

    def __getitem__(self, which: tuple[str, int]) -> Run:
        if which not in self._paths:
            known = ", ".join(map(str, self._paths))
            raise KeyError(f"expected one of {known}, got {which!r}")
        return load(self._paths[which])

    def __iter__(self) -> Iterator[tuple[str, int]]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


@dataclass(eq=False)
class Comparison:
    """What a comparison found: a row for each model, the smallest loss first, and all runs.

    `outcomes` says by model and seed how a run ended, `rows` is what ``table.json`` holds.
    """

    plan: Plan
    outcomes: Outcomes
    rows: list[TableRow]

    @property
    def path(self) -> Path:
        """The directory of the comparison."""
        return self.plan.path

    @property
    def paths(self) -> dict[str, Path]:
        """The files by name: ``table``, ``markdown`` and ``picture``."""
        return {
            "table": self.path / "table.json",
            "markdown": self.path / "table.md",
            "picture": self.path / "compare.png",
        }

    @cached_property
    def metrics(self) -> Columns:
        """The rows as columns: NumPy arrays by name, NaN where a model has no such number."""
        return Columns(self.rows)

    @property
    def runs(self) -> Runs:
        """The runs by model and seed: ``comparison.runs["exprnn", 0].model``.

        Of a grid they are called as in the column ``name``: ``runs["lstm learning_rate=0.1", 0]``.
        """
        return Runs(self.plan)

    @property
    def left_out(self) -> Mapping[str, str]:
        """Why a model was not run, by model."""
        return self.plan.left_out

    def __repr__(self) -> str:
        return f"Comparison({self.plan.task}, {len(self.rows)} models, {str(self.path)!r})"


def compare(
    task: str,
    models: str | Sequence[str] = "all",
    seeds: int = 1,
    steps: int | None = None,
    minutes: float | None = None,
    hidden: int = 128,
    out: str | PathLike | None = None,
    jobs: int = 1,
    *,
    backend: str = DEFAULT_BACKEND,
    dtype: str = "float32",
    resume: bool = False,
    force: bool = False,
    grid: Mapping[str, Iterable[Any]] | None = None,
    progress: bool | Console = True,
    assignments: Mapping[str, Any] | None = None,
    **options: Any,
) -> Comparison:
    """Train several models on a task under one budget, as ``unitarygraph compare`` does.

    Parameters
    ----------
    task
        A name of ``unitarygraph.tasks``, or ``module:Class``.
    models
        Names, in a list or with commas between them, or "all".
    seeds
        Runs of a model, with the seeds 0, 1, ...
    steps, minutes
        The budget of a run; the task's steps if neither is given, what is used up first if both are.
    hidden, backend, dtype
        Of all models.
    out
        The directory of the comparison, ``runs/compare-TASK`` by default.
    jobs
        Runs side by side, each a process. A script that asks for more than one must guard its own
        lines by ``if __name__ == "__main__":``, as for any use of ``multiprocessing``.
    resume, force
        Keep finished runs and continue the others, or begin all anew.
    grid
        Values by option; every model is run at each point of their product:
        ``{"learning_rate": [1e-3, 1e-4]}``.
    progress
        False shows nothing; a ``rich.console.Console`` is written to.
    assignments, **options
        As of :func:`unitarygraph.training.train`, for all models; those of one are a mapping under
        its name: ``lstm={"hidden": 64, "forget_bias": 2}``, or ``{"lstm.hidden": 64}``.

    Raises
    ------
    ValueError
        For what is wrong in the arguments; nothing has been run then.
    FileExistsError
        Where there is a run already and neither `resume` nor `force` is given.
    KeyboardInterrupt
        After Ctrl-C, with a checkpoint of the run under way and a table of what there is; its
        `result` is the comparison.
    """
    console = console_for(progress)
    plan = begin(
        task, models, seeds, steps, minutes, hidden, out, jobs, backend=backend, dtype=dtype,
        resume=resume, force=force, assignments={**(assignments or {}), **options},
        grid=grid, said="",
    )  # fmt: skip
    return execute(plan, console)


def begin(
    task: str,
    models: str | Sequence[str],
    seeds: int,
    steps: int | None,
    minutes: float | None,
    hidden: int,
    out: str | PathLike | None,
    jobs: int,
    *,
    backend: str,
    dtype: str,
    resume: bool,
    force: bool,
    assignments: Mapping[str, Any],
    said: str,
    grid: Mapping[str, Iterable[Any]] | None = None,
) -> Plan:
    """Try every model and make the directories of all runs, as :func:`compare` says.

    All that a person may have got wrong is found here.
    """
    if resume and force:
        raise ValueError("--resume and --force exclude each other")
    chosen = models.split(",") if isinstance(models, str) else models
    plan = arrange(
        task,
        [name.strip() for name in chosen if name.strip()],
        Path("runs") / f"compare-{task.replace(':', '.')}" if out is None else Path(out),
        seeds=seeds,
        hidden=hidden,
        backend=backend,
        dtype=dtype,
        assignments=with_named(assignments, said, steps=steps, minutes=minutes),
        grid=grid,
        jobs=jobs,
        said=said,
    )
    make_directories(plan, resume=resume, force=force)
    return plan


def execute(plan: Plan, console: Console) -> Comparison:
    """Make all runs that are not finished and leave the table and the picture."""
    for model, reason in plan.left_out.items():
        console.print(f"{model} is left out: {reason}", soft_wrap=True, highlight=False)
    outcomes = run_all(plan, console)
    table = table_of(plan, outcomes)
    write_tables(plan, table)
    from unitarygraph.comparing.curves import draw_comparison

    draw_comparison(plan, table)
    found = Comparison(plan, outcomes, table)
    for outcome in outcomes.values():
        if outcome.kind == "stopped":
            raise Interrupted(outcome.signal, "the comparison was stopped", found)
    return found
