"""What a person sees while a run compiles and trains."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

from unitarygraph.training.metrics import Row
from unitarygraph.training.settings import ENDLESS

#: seconds between two lines where the output is no terminal
PLAIN_INTERVAL = 10.0
#: seconds between two states of the live line
LIVE_INTERVAL = 0.1


class Progress:
    """One live line on a terminal, a plain line now and then elsewhere.

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
        self._live: Live | None = None
        self._began = self._printed = time.perf_counter()
        self._first = 0

    @contextmanager
    def compiling(self, what: str) -> Iterator[None]:
        """Say that `what` is compiled and, when it is done, how long that took."""
        began = time.perf_counter()
        before = f"{self.label}  " if self.label else ""
        message = f"{before}compiling {what}, which can take a minute the first time ..."
        if self.console.is_terminal:
            with self.console.status(message):
                yield
        else:
            self.console.print(message, soft_wrap=True, highlight=False)
            yield
        seconds = time.perf_counter() - began
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
            yield
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
        if self._live is not None and (now - self._printed > LIVE_INTERVAL or step == self.steps):
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
                parts.append(f"{name.replace('eval_', 'test ')} {self._row[name]:.1%}")
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
