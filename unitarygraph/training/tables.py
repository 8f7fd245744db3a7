"""Summaries of runs as tables."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.table import Table

from unitarygraph.training.metrics import Row
from unitarygraph.training.progress import clock
from unitarygraph.training.rundir import RunDirectory
from unitarygraph.training.settings import Settings


def summary(rows: list[Row], baseline: float | None) -> dict[str, Any]:
    """Return the last row's numbers and each loss as a share of the baseline."""
    last = rows[-1] if rows else {}
    shown: dict[str, Any] = {"step": last.get("step", 0)}
    for name in ("loss", "eval_loss"):
        if name in last:
            shown[name] = last[name]
            if baseline:
                shown[f"{name} / baseline"] = last[name] / baseline
    if baseline is not None:
        shown["baseline"] = baseline
    for name in ("accuracy", "eval_accuracy", "unitarity", "seconds"):
        if last.get(name) is not None:
            shown[name] = last[name]
    return shown


def summary_table(run: RunDirectory, rows: list[Row], baseline: float | None) -> Table:
    """Return the table that ends a run: its last numbers and its files."""
    table = numbers_table(rows, baseline)
    for path in (run.config, run.metrics, run.checkpoint, run.curves):
        table.add_row(path.name, str(path))
    return table


def numbers_table(rows: list[Row], baseline: float | None) -> Table:
    """Return the last row's numbers, one a line."""
    table = Table(box=box.SIMPLE_HEAD, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in summary(rows, baseline).items():
        table.add_row(heading(name), written(name, value))
    return table


def report_table(runs: list[tuple[RunDirectory, Settings, list[Row], float | None]]) -> Table:
    """Return one line a run."""
    summaries = [summary(rows, baseline) for _, _, rows, baseline in runs]
    names = list(dict.fromkeys(name for shown in summaries for name in shown))
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("run", overflow="fold", min_width=12)
    for name in ("task", "model", "hidden"):
        table.add_column(name)
    for name in names:
        table.add_column(heading(name), justify="right")
    for (run, settings, _, _), shown in zip(runs, summaries, strict=True):
        table.add_row(
            str(run.path),
            settings.task,
            settings.model,
            str(settings.hidden),
            *(written(name, shown.get(name)) for name in names),
        )
    return table


def heading(name: str) -> str:
    """Return what a number is called in tables."""
    return name.replace("eval_", "test ")


def written(name: str, value: Any) -> str:
    """Write a number the way its kind is read."""
    if value is None:
        return ""
    if name == "seconds":
        return f"{value:.1f}" if value < 60 else f"{value:.0f} ({clock(value)})"
    if "accuracy" in name:
        return f"{value:.2%}"
    if name.endswith("/ baseline"):
        return f"{100 * value:.3g} %"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
