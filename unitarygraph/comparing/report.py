"""What a comparison leaves: its table as table.json, table.md and printed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from itertools import pairwise
from statistics import mean, median
from typing import Any

from rich import box
from rich.table import Table

from unitarygraph.comparing.grid import said_as
from unitarygraph.comparing.plan import Entrant, Plan
from unitarygraph.comparing.runs import Outcomes
from unitarygraph.training.settings import ENDLESS, spoken
from unitarygraph.training.store import Row, read_rows, write_atomically

#: training losses at the end that stand for a final loss where nothing was evaluated
LAST = 10

TableRow = dict[str, Any]


def table_of(plan: Plan, outcomes: Outcomes) -> list[TableRow]:
    """Return one row a model, the smallest loss first; means over the seeds that finished."""
    rows = [_row(plan, entrant, outcomes) for entrant in plan.entrants]
    return sorted(rows, key=lambda row: math.inf if row["loss"] is None else row["loss"])


def _row(plan: Plan, entrant: Entrant, outcomes: Outcomes) -> TableRow:
    finished, reasons = [], []
    for run in plan.runs():
        if run.name != entrant.name:
            continue
        outcome = outcomes.get((run.name, run.seed))
        if (outcome is None or outcome.kind == "finished") and run.finished():
            finished.append(read_rows(run.directory.metrics))
            continue
        reason = (outcome.reason if outcome else None) or "not finished"
        reasons.append(reason if len(entrant.settings) == 1 else f"seed {run.seed}: {reason}")
    losses = [loss for loss in map(final_loss, finished) if loss is not None]
    loss = mean(losses) if losses else None
    baseline = plan.baseline
    further = [name for name in _last_names(finished) if name.startswith("eval_accuracy_")]
    return {
        "model": entrant.model,
        "name": entrant.name,
        **{f"grid.{key}": said_as(value) for key, value in entrant.point.items()},
        "loss": loss,
        "loss_spread": max(losses) - min(losses) if len(losses) > 1 else None,
        "baseline": baseline,
        "loss_over_baseline": loss / baseline if baseline and loss is not None else None,
        "accuracy": _mean(finished, _last("eval_accuracy")),
        "spread_of_accuracy": _spread(finished, _last("eval_accuracy")),
        **{name.removeprefix("eval_"): _mean(finished, _last(name)) for name in further},
        "unitarity": _mean(finished, lambda rows: rows[-1].get("unitarity")),
        "parameters": entrant.parameters,
        "milliseconds": _mean(finished, milliseconds),
        "hidden": entrant.settings[0].hidden,
        "steps": round(mean(rows[-1]["step"] for rows in finished)) if finished else None,
        "seeds": len(finished),
        "reason": "; ".join(reasons) or None,
    }


def final_loss(rows: list[Row]) -> float | None:
    """Return the last loss over the evaluation set, else the mean of the last training losses."""
    evaluated = [row["eval_loss"] for row in rows if "eval_loss" in row]
    trained = [row["loss"] for row in rows[-LAST:]]
    return evaluated[-1] if evaluated else mean(trained) if trained else None


def milliseconds(rows: list[Row]) -> float | None:
    """Return the median time of a training step between logged rows.

    What lies between two rows is the steps and one measure of unitarity, no compiling; rows with an
    evaluation are left out unless there are no others.
    """
    pairs = list(pairwise(rows))
    pairs = [pair for pair in pairs if "eval_loss" not in pair[1]] or pairs
    steps = [(b["seconds"] - a["seconds"]) / (b["step"] - a["step"]) for a, b in pairs]
    return 1000 * median(steps) if steps else None


def _last_names(runs: list[list[Row]]) -> list[str]:
    return list(dict.fromkeys(name for rows in runs for name in rows[-1]))


def _last(name: str) -> Callable[[list[Row]], float | None]:
    return lambda rows: rows[-1].get(name)


def _mean(runs: list[list[Row]], of: Callable[[list[Row]], float | None]) -> float | None:
    values = [value for value in map(of, runs) if value is not None]
    return mean(values) if values else None


def _spread(runs: list[list[Row]], of: Callable[[list[Row]], float | None]) -> float | None:
    values = [value for value in map(of, runs) if value is not None]
    return max(values) - min(values) if len(values) > 1 else None


def write_tables(plan: Plan, table: list[TableRow]) -> None:
    """Write ``table.json`` and ``table.md``."""
    text = json.dumps(table, indent=1, allow_nan=False) + "\n"
    write_atomically(plan.path / "table.json", text.encode())
    write_atomically(plan.path / "table.md", markdown(plan, table).encode())


def markdown(plan: Plan, table: list[TableRow]) -> str:
    """Return the table as Markdown, the command and the baseline above, what failed below."""
    names = columns(table)
    lines = ["```console", plan.command, "```", "", described(plan), ""]
    lines.append("| " + " | ".join(heading(name) for name in names) + " |")
    lines.append("|---|" + "---:|" * (len(names) - 1))
    lines += ["| " + " | ".join(written(name, row) for name in names) + " |" for row in table]
    notes = [f"- {row['name']}: {row['reason']}" for row in table if row["reason"]]
    notes += [f"- {model}, left out: {why}" for model, why in plan.left_out.items()]
    return "\n".join([*lines, *([""] if notes else []), *notes]) + "\n"


def printed(table: list[TableRow]) -> Table:
    """Return the table for a terminal."""
    shown = Table(box=box.SIMPLE_HEAD)
    names = columns(table)
    for name in names:
        shown.add_column(heading(name), justify="left" if name == "model" else "right")
    for row in table:
        shown.add_row(*(written(name, row) for name in names))
    return shown


#: column -> its heading; a column without numbers is left out
HEADINGS = {
    "model": "model",
    "loss": "final loss",
    "loss_spread": "spread",
    "loss_over_baseline": "of baseline",
    "accuracy": "accuracy",
    "spread_of_accuracy": "spread",
    "unitarity": "unitarity",
    "parameters": "parameters",
    "milliseconds": "ms a step",
    "hidden": "hidden",
    "steps": "steps",
}


def heading(name: str) -> str:
    """Return a column's heading: ``accuracy_40`` is "accuracy 40", an option of a grid its name."""
    if name.startswith("grid."):
        return spoken(name.removeprefix("grid."))
    return HEADINGS.get(name, name.replace("_", " "))


def columns(table: list[TableRow]) -> list[str]:
    """Return the columns to show: those with numbers, sizes and steps where they differ.

    Accuracies on a task's further evaluation sets come after the accuracy.
    """
    chosen: list[str] = []
    for name in HEADINGS:
        if name == "loss":
            chosen += dict.fromkeys(k for row in table for k in row if k.startswith("grid."))
        if name == "unitarity":
            chosen += dict.fromkeys(k for row in table for k in row if k.startswith("accuracy_"))
        values = {row[name] for row in table} - {None}
        always = name in ("model", "loss", "accuracy", "unitarity", "parameters", "milliseconds")
        if f"grid.{name}" in chosen:
            continue
        if always or (len(values) > (name in ("hidden", "steps"))):
            chosen.append(name)
    return chosen


def written(name: str, row: TableRow) -> str:
    """Write a number of the table the way its kind is read."""
    value = row.get(name)
    if isinstance(value, str):
        return value
    if value is None:
        return "-"
    if "accuracy" in name or name == "loss_over_baseline":
        return f"{100 * value:.3g} %"
    if name == "unitarity":
        return f"{value:.1e}"
    if name in ("loss", "loss_spread"):
        return f"{value:#.3g}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def described(plan: Plan) -> str:
    """Return task, budget and baseline in words."""
    settings = plan.entrants[0].settings
    training, task = settings[0].training, settings[0].task_options
    options = ", ".join(f"{key} = {value}" for key, value in task.items())
    budget = [] if training.steps >= ENDLESS else [f"{training.steps} steps"]
    budget += [f"{training.minutes:g} minutes"] if training.minutes else []
    seeds = f"{len(settings)} seeds" if len(settings) > 1 else "one seed"
    said = [f"{plan.task} ({options}), {' or '.join(budget)} a run, {seeds}."]
    if plan.baseline is not None:
        said.append(f"Baseline {plan.baseline:.4g}.")
    if plan.jobs > 1:
        said.append(f"Times are those of {plan.jobs} runs side by side.")
    return " ".join(said)
