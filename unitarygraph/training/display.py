"""What a person sees of a run in the terminal or a notebook: its line while it trains, its tables."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from unitarygraph.training.compile_times import last_time, remember
from unitarygraph.training.settings import ENDLESS, Settings
from unitarygraph.training.store import Row, RunDirectory

#: seconds between two lines where the output is no terminal
PLAIN_INTERVAL = 10.0
#: seconds between two states of the live line
LIVE_INTERVAL = 0.1
#: the same in a notebook, where each goes through the browser
NOTEBOOK_INTERVAL = 0.5


def console_for(progress: bool | Console) -> Console:
    """Return the console to show a run on: stdout's, none for False, or the one that is given.

    Where stdout is neither a terminal nor a notebook, lines are not cut at 80 columns.
    """
    if isinstance(progress, Console):
        return progress
    if not progress:
        return Console(quiet=True)
    console = Console()
    terminal = sys.stdout is not None and sys.stdout.isatty()
    return console if terminal or console.is_jupyter else Console(width=160)


class NotebookLine:
    """A line of a notebook's output that is written over, by Jupyter's own display protocol."""

    def __init__(self, display: Any) -> None:
        self._handle = display({"text/plain": ""}, raw=True, display_id=True)

    def update(self, text: Text, refresh: bool = True) -> None:
        """Put another text in the line's place."""
        self._handle.update({"text/plain": text.plain}, raw=True)


def notebook_line(console: Console) -> NotebookLine | None:
    """Return a line in the notebook that the console writes to, None where it is none."""
    if not console.is_jupyter or console.quiet:
        return None
    try:
        from IPython.display import display
    except ImportError:
        return None
    return NotebookLine(display)


class Progress:
    """One live line on a terminal or in a notebook, a plain line now and then elsewhere.

    Shows step, loss, the task's baseline, accuracy, unitarity, steps per second and the time
    left, the last two from the steps made by this process. `label` stands before all of it.
    """

    def __init__(
        self,
        console: Console,
        steps: int,
        baseline: float | None,
        minutes: float | None = None,
        label: str = "",
    ) -> None:
        self.console, self.steps, self.baseline = console, steps, baseline
        self.limit = float("inf") if minutes is None else 60 * minutes
        self.label = label
        self._spent = 0.0
        self._row: Row = {}
        self._live: Live | NotebookLine | None = None
        self._interval = LIVE_INTERVAL
        self._began = self._printed = time.perf_counter()
        self._first = 0

    @contextmanager
    def compiling(self, what: str) -> Iterator[None]:
        """Say what is compiled and how long that took the last time; then, how long it took."""
        began = time.perf_counter()
        before = f"{self.label}  " if self.label else ""
        known = last_time(what)
        expected = "for the first time" if known is None else f"{known:.1f} s the last time"
        message = f"{before}compiling {what}, {expected} ..."
        if self.console.is_terminal:
            with self.console.status(message):
                yield
        else:
            self.console.print(message, soft_wrap=True, highlight=False)
            yield
        seconds = time.perf_counter() - began
        remember(what, seconds)
        self.console.print(f"{before}compiled in {seconds:.1f} s", soft_wrap=True, highlight=False)

    @contextmanager
    def training(self, done: int, spent: float = 0.0) -> Iterator[None]:
        """Show the line from step `done` and second `spent` on; its last state stays there."""
        self._began = time.perf_counter()
        self._printed = -LIVE_INTERVAL
        self._first, self._spent = done, spent
        if done:
            self.console.print(f"continuing after step {done}", highlight=False)
        if not self.console.is_terminal:
            self._live, self._interval = notebook_line(self.console), NOTEBOOK_INTERVAL
            yield
            self._live = None
            return
        with Live(console=self.console, auto_refresh=False, transient=False) as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None

    def row(self, row: Row) -> None:
        """Show a logged step."""
        # the last evaluation stays on the line until the next
        self._row = {k: v for k, v in self._row.items() if k.startswith("eval_")} | row
        now = time.perf_counter()
        if self._live is not None:
            self.step(row["step"])
        elif now - self._printed > PLAIN_INTERVAL or row["step"] in (1, self.steps):
            self._printed = now
            self.console.print(self._text(row["step"]), soft_wrap=True)

    def step(self, step: int) -> None:
        """Show a step that is not logged: only the count and the speed move."""
        now = time.perf_counter()
        if self._live is not None and (now - self._printed > self._interval or step == self.steps):
            self._printed = now
            self._live.update(self._text(step), refresh=True)

    def _text(self, step: int) -> Text:
        seconds = max(time.perf_counter() - self._began, 1e-9)
        speed = (step - self._first) / seconds
        left = (self.steps - step) / speed if speed else float("inf")
        left = min(left, max(self.limit - self._spent - seconds, 0.0))
        of = "" if self.steps >= ENDLESS else f"/{self.steps}"
        parts = [self.label] if self.label else []
        parts.append(f"step {step}{of}")
        if "loss" in self._row:
            parts.append(f"loss {self._row['loss']:.3e}")
        if self.baseline is not None:
            parts.append(f"baseline {self.baseline:.3e}")
        for name in ("accuracy", "eval_accuracy"):
            if name in self._row:
                parts.append(f"{name.replace('eval_', 'evaluation ')} {self._row[name]:.1%}")
        if self._row.get("unitarity") is not None:
            parts.append(f"unitarity {self._row['unitarity']:.1e}")
        parts += [f"{speed:.3g} steps/s", f"{clock(left)} left"]
        return Text("  ".join(parts))


def clock(seconds: float) -> str:
    """Write a duration as h:mm:ss, or m:ss below an hour."""
    if seconds == float("inf"):
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


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
    accuracies = [name for name in last if name.startswith("eval_accuracy")]
    for name in ("accuracy", *accuracies, "unitarity", "seconds"):
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


def best_in_words(run: RunDirectory, row: Row) -> str:
    """Return the step and the numbers of the best evaluation, and its checkpoint if it is kept."""
    shown = {name: value for name, value in row.items() if name.startswith("eval_")}
    numbers = ", ".join(f"{heading(name)} {written(name, value)}" for name, value in shown.items())
    kept = f" ({run.best})" if run.best.exists() else ""
    return f"best evaluation: step {row['step']}, {numbers}{kept}"


def heading(name: str) -> str:
    """Return what a number is called in tables: ``eval_accuracy_40`` is "evaluation accuracy 40".

    The accuracy of a test set that is not looked at between steps is "test accuracy".
    """
    if name == "eval_accuracy_test":
        return "test accuracy"
    return name.replace("eval_accuracy_", "evaluation accuracy ").replace("eval_", "evaluation ")


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
