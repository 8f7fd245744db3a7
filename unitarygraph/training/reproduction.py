"""Published figures beside measured ones, in tables."""

from __future__ import annotations

from rich import box
from rich.table import Table

from unitarygraph.training.display import written
from unitarygraph.training.presets import Preset, presets
from unitarygraph.training.store import Row


def figure(preset: Preset) -> str:
    """Return the published figure and whether it was read in its source."""
    if preset.published is None:
        return "none found"
    checked = "" if preset.checked else " (not checked)"
    return written(preset.metric, preset.published) + checked


def presets_table() -> Table:
    """Return one line a preset."""
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("preset", "where", "task", "model", "hidden", "steps", "published", "data"):
        table.add_column(name, overflow="fold")
    for name, preset in presets().items():
        table.add_row(
            name, preset.where, preset.task, preset.model, str(preset.hidden), str(preset.steps),
            figure(preset), "files" if preset.needs_data else "drawn",
        )  # fmt: skip
    return table


def reproduction_table(preset: Preset, rows: list[Row], note: str | None) -> Table:
    """Return what was published, what was measured in the last row, and what differs."""
    table = Table(box=box.SIMPLE_HEAD, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    steps = rows[-1]["step"]
    short = "" if steps == preset.steps else f", {steps} of {preset.steps} steps"
    differs = "; ".join(words for words in (note, preset.differs) if words)
    for name, text in (
        ("paper", preset.paper),
        ("where", preset.where),
        (f"published {preset.metric}", figure(preset)),
        (f"measured {preset.metric}", written(preset.metric, preset.measured(rows[-1])) + short),
        ("settings from", preset.rests_on),
        ("differs", differs),
    ):
        table.add_row(name, text)
    return table
