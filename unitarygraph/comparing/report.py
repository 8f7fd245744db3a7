"""What a comparison leaves: its table as table.json, table.md and printed, and compare.png."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from itertools import pairwise
from statistics import mean, median
from typing import Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from rich import box
from rich.table import Table

from unitarygraph.comparing.plan import Entrant, Plan
from unitarygraph.comparing.runs import Outcomes
from unitarygraph.training.display import REFERENCE
from unitarygraph.training.settings import ENDLESS
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
        if run.model != entrant.model:
            continue
        outcome = outcomes.get((run.model, run.seed))
        if (outcome is None or outcome.kind == "finished") and run.finished():
            finished.append(read_rows(run.directory.metrics))
            continue
        reason = (outcome.reason if outcome else None) or "not finished"
        reasons.append(reason if len(entrant.settings) == 1 else f"seed {run.seed}: {reason}")
    losses = [loss for loss in map(final_loss, finished) if loss is not None]
    loss = mean(losses) if losses else None
    baseline = plan.baseline
    return {
        "model": entrant.model,
        "loss": loss,
        "loss_spread": max(losses) - min(losses) if len(losses) > 1 else None,
        "baseline": baseline,
        "loss_over_baseline": loss / baseline if baseline and loss is not None else None,
        "accuracy": _mean(finished, lambda rows: rows[-1].get("eval_accuracy")),
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


def _mean(runs: list[list[Row]], of: Callable[[list[Row]], float | None]) -> float | None:
    values = [value for value in map(of, runs) if value is not None]
    return mean(values) if values else None


def write_tables(plan: Plan, table: list[TableRow]) -> None:
    """Write ``table.json`` and ``table.md``."""
    text = json.dumps(table, indent=1, allow_nan=False) + "\n"
    write_atomically(plan.path / "table.json", text.encode())
    write_atomically(plan.path / "table.md", markdown(plan, table).encode())


def markdown(plan: Plan, table: list[TableRow]) -> str:
    """Return the table as Markdown, the command and the baseline above, what failed below."""
    names = columns(table)
    lines = ["```console", plan.command, "```", "", described(plan), ""]
    lines.append("| " + " | ".join(HEADINGS[name] for name in names) + " |")
    lines.append("|---|" + "---:|" * (len(names) - 1))
    lines += ["| " + " | ".join(written(name, row) for name in names) + " |" for row in table]
    notes = [f"- {row['model']}: {row['reason']}" for row in table if row["reason"]]
    notes += [f"- {model}, left out: {why}" for model, why in plan.left_out.items()]
    return "\n".join([*lines, *([""] if notes else []), *notes]) + "\n"


def printed(table: list[TableRow]) -> Table:
    """Return the table for a terminal."""
    shown = Table(box=box.SIMPLE_HEAD)
    names = columns(table)
    for name in names:
        shown.add_column(HEADINGS[name], justify="left" if name == "model" else "right")
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
    "unitarity": "unitarity",
    "parameters": "parameters",
    "milliseconds": "ms a step",
    "hidden": "hidden",
    "steps": "steps",
}


def columns(table: list[TableRow]) -> list[str]:
    """Return the columns to show: those with numbers, sizes and steps where they differ."""
    chosen = []
    for name in HEADINGS:
        values = {row[name] for row in table} - {None}
        always = name in ("model", "loss", "accuracy", "unitarity", "parameters", "milliseconds")
        if always or (len(values) > (name in ("hidden", "steps"))):
            chosen.append(name)
    return chosen


def written(name: str, row: TableRow) -> str:
    """Write a number of the table the way its kind is read."""
    value = row[name]
    if value is None:
        return "-"
    if name in ("accuracy", "loss_over_baseline"):
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


#: a curve is averaged over neighboring rows to at most so many points
POINTS = 80
LINES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (6, 1.5, 1, 1.5)))
COLORS = colormaps["tab10"].colors[:7] + colormaps["tab10"].colors[8:]  # type: ignore[attr-defined]

Curve = dict[int, float]


def draw_comparison(plan: Plan, table: list[dict[str, Any]]) -> None:
    """Draw ``compare.png``: training loss and, where the task has one, accuracy, by step.

    A line is the mean over seeds of the mean of neighboring rows, its band their smallest and
    largest; the legend is in the table's order.
    """
    runs: dict[str, list[list[Row]]] = {}
    for run in plan.runs():
        runs.setdefault(run.model, []).append(read_rows(run.directory.metrics))
    accuracy = any("accuracy" in row for seeds in runs.values() for rows in seeds for row in rows)
    panels = ["loss", "accuracy"] if accuracy else ["loss"]
    figure = Figure(figsize=(10, 1.4 + 3.8 * len(panels)), layout="constrained")
    FigureCanvasAgg(figure)
    settings = plan.entrants[0].settings
    seeds = f"{len(settings)} seeds: mean and range" if len(settings) > 1 else "one seed"
    sizes = sorted({str(e.settings[0].hidden) for e in plan.entrants}, key=int)
    figure.suptitle(f"{plan.task}, {' or '.join(sizes)} hidden units, {seeds}")
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    # a model looks the same in every comparison of the same models
    looks = {
        model: {"color": COLORS[k % len(COLORS)], "linestyle": LINES[k // len(COLORS) % 4]}
        for k, model in enumerate(sorted(runs))
    }
    for axis, name in zip(axes, panels, strict=True):
        for row in table:
            _model(axis, runs[row["model"]], name, _label(row), looks[row["model"]])
        axis.set_ylabel(f"training {name}")
        axis.grid(alpha=0.25)
    if any(line.get_ydata().size and max(line.get_ydata()) > 0 for line in axes[0].lines):
        axes[0].set_yscale("log", nonpositive="mask")
    if plan.baseline is not None:
        label = f"baseline {plan.baseline:.3g}"
        axes[0].axhline(plan.baseline, color=REFERENCE, linestyle="--", label=label)
    if accuracy:
        axes[1].set_ylim(-0.03, 1.03)
        axes[1].yaxis.set_major_formatter(PercentFormatter(1.0))
    axes[-1].set_xlabel("step")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside right upper", frameon=False, fontsize=9, handlelength=3.5,
        title="final loss",
    )  # fmt: skip
    figure.align_ylabels(axes)
    figure.savefig(plan.path / "compare.png", dpi=120)


def _label(row: dict[str, Any]) -> str:
    return f"{row['model']}  {'-' if row['loss'] is None else format(row['loss'], '#.3g')}"


def _model(axis: Axes, runs: list[list[Row]], name: str, label: str, look: dict[str, Any]) -> None:
    curves = [{r["step"]: r[name] for r in rows if r.get(name) is not None} for rows in runs]
    steps, lines = together([curve for curve in curves if curve])
    middle = [mean(values) for values in zip(*lines, strict=True)]
    axis.plot(steps, middle, label=label, linewidth=1.4, **look)
    if len(lines) > 1:
        low, high = (list(map(f, zip(*lines, strict=True))) for f in (min, max))
        axis.fill_between(steps, low, high, color=look["color"], alpha=0.15, linewidth=0)


def together(curves: list[Curve]) -> tuple[list[float], list[list[float]]]:
    """Return steps and each curve at them: those that all curves have, thinned by averaging."""
    if not curves:
        return [], []
    steps = sorted(set.intersection(*map(set, curves)))
    size = -(-len(steps) // POINTS)
    blocks = [steps[k : k + size] for k in range(0, len(steps), size)] if steps else []
    lines = [[mean(curve[step] for step in block) for block in blocks] for curve in curves]
    return [mean(block) for block in blocks], lines
