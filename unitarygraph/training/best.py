"""Which evaluation was the best and when training stops early, both read off the rows of a run.

No state of their own: the rows up to a checkpoint say all, so that a resumed run decides as an
undisturbed one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unitarygraph.training.settings import TrainingOptions
from unitarygraph.training.store import Row


@dataclass(frozen=True)
class Best:
    """The best evaluation so far, the first of equals, and the evaluations made since.

    `row` is its row of ``metrics.jsonl``, `name` the number that was judged.
    """

    name: str
    row: Row
    evaluations_since: int

    @property
    def step(self) -> int:
        """The step of the best evaluation."""
        return self.row["step"]

    @property
    def value(self) -> float:
        """The number that was judged."""
        return self.row[self.name]


def improves(training: TrainingOptions, new: float, old: float) -> bool:
    """Whether one value of the monitored number is better than another; an equal one is not."""
    mode = training.monitor_mode
    if mode == "auto":
        mode = "max" if training.monitor.startswith("accuracy") else "min"
    return new > old if mode == "max" else new < old


def best_of(rows: Sequence[Row], training: TrainingOptions) -> Best | None:
    """Return the best of a run's evaluations, None where there was none."""
    name = f"eval_{training.monitor}"
    best = None
    since = 0
    for row in rows:
        if row.get(name) is None:
            continue
        since += 1
        if best is None or improves(training, row[name], best[name]):
            best, since = row, 0
    return None if best is None else Best(name, best, since)


def stopped_early(rows: Sequence[Row], training: TrainingOptions) -> str | None:
    """Return in words why a run is over before its budget is, None where it is not."""
    best = best_of(rows, training)
    if best is None or training.patience is None or best.evaluations_since < training.patience:
        return None
    return (
        f"stopped early at step {rows[-1]['step']}: no better {best.name} in "
        f"{best.evaluations_since} evaluations since step {best.step} "
        f"(patience {training.patience})"
    )


def check_monitor(training: TrainingOptions, evaluated: Sequence[str]) -> None:
    """Raise ValueError where the monitored number is none of those that are evaluated."""
    if training.monitor not in evaluated:
        raise ValueError(
            f"monitor: expected one of {', '.join(evaluated)}, got {training.monitor!r}"
        )
