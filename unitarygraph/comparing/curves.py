"""The picture of a comparison, compare.png; loads Matplotlib, so it is imported at the end."""

from __future__ import annotations

from statistics import mean
from typing import Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from unitarygraph.comparing.plan import Plan
from unitarygraph.training.curves import REFERENCE
from unitarygraph.training.store import Row, read_rows

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
        runs.setdefault(run.name, []).append(read_rows(run.directory.metrics))
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
            _model(axis, runs[row["name"]], name, _label(row), looks[row["name"]])
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
    return f"{row['name']}  {'-' if row['loss'] is None else format(row['loss'], '#.3g')}"


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
