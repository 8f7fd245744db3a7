"""The picture of a run, curves.png; loads Matplotlib, so what trains imports it at the end."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from unitarygraph.training.store import Row

TRAIN, TEST, REFERENCE = "#1f5fa8", "#c8511b", "#6b6b6b"


def draw_curves(path: Path, rows: list[Row], title: str, baseline: float | None = None) -> None:
    """Draw the rows of metrics.jsonl to `path`; panels without numbers are left out.

    Loss and unitarity have logarithmic axes: values that are zero are not drawn there.
    """
    panels = [("loss", "log"), ("accuracy", "linear"), ("unitarity", "log")]
    panels = [(name, scale) for name, scale in panels if _points(rows, name)[0]]
    height = 1 + 2.4 * max(len(panels), 1)
    figure = Figure(figsize=(8, height))
    FigureCanvasAgg(figure)
    # Margins in inches: a layout engine would draw everything three times to find them.
    figure.subplots_adjust(0.17, 0.5 / height, 0.98, 1 - 0.45 / height, hspace=0.1)
    figure.suptitle(title)
    axes = figure.subplots(max(len(panels), 1), 1, sharex=True, squeeze=False)[:, 0]
    for axis, (name, scale) in zip(axes, panels, strict=False):
        _panel(axis, rows, name, scale)
        if name == "loss" and baseline is not None:
            axis.axhline(
                baseline, color=REFERENCE, linestyle="--", label=f"baseline {baseline:.3g}"
            )
        if name == "accuracy":
            axis.set_ylim(-0.03, 1.03)
            axis.yaxis.set_major_formatter(PercentFormatter(1.0))
        if len(axis.get_legend_handles_labels()[0]) > 1:
            axis.legend(frameon=False)
    axes[-1].set_xlabel("step")
    figure.savefig(path, dpi=120)


def _panel(axis: Axes, rows: list[Row], name: str, scale: str) -> None:
    label = r"$\|W^H W - I\|_F$" if name == "unitarity" else name
    axis.plot(*_points(rows, name), color=TRAIN, linewidth=1.2, label="training batch")
    steps, values = _points(rows, f"eval_{name}")
    if steps:
        axis.plot(steps, values, "o-", color=TEST, markersize=4, label="evaluation set")
    if scale == "log" and any(value > 0 for value in _points(rows, name)[1]):
        axis.set_yscale("log", nonpositive="mask")
    axis.set_ylabel(label)
    axis.yaxis.set_label_coords(-0.165, 0.5)
    axis.grid(alpha=0.25)


def _points(rows: list[Row], name: str) -> tuple[list[int], list[float]]:
    chosen = [row for row in rows if row.get(name) is not None]
    return [row["step"] for row in chosen], [row[name] for row in chosen]
