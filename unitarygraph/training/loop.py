"""The training loop: steps, log rows, evaluations and checkpoints in a fixed order."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from unitarygraph.training.best import best_of, stopped_early
from unitarygraph.training.display import Progress
from unitarygraph.training.process import StopRequest
from unitarygraph.training.program import Program
from unitarygraph.training.schedule import factor, is_constant
from unitarygraph.training.store import (
    Checkpoint,
    MetricsLog,
    Row,
    RunDirectory,
    write_atomically,
)


class Interrupted(KeyboardInterrupt):
    """The user asked for a stop by `signal`, and got it after a checkpoint was written.

    A comparison that was stopped says in `result` what there is.
    """

    def __init__(self, signal: int, message: str, result: Any = None) -> None:
        super().__init__(message)
        self.signal, self.result = signal, result


class NotFinite(Exception):
    """A loss or a shared variable became NaN or infinite."""

    def __init__(self, what: str, step: int, run: RunDirectory, good: int | None) -> None:
        where = "no checkpoint was written before it"
        if good is not None:
            where = f"the last good checkpoint, of step {good}, is {run.checkpoint}"
        super().__init__(f"{what} is NaN or infinite at step {step}; {where}")
        self.step = step


def take_steps(
    program: Program,
    run: RunDirectory,
    progress: Progress,
    write: Callable[[Row], None] | None = None,
) -> list[Row]:
    """Train from the run's checkpoint, or from the start, to the last step; return all rows.

    The last step is number `steps` of the settings, that at which `minutes` are over, or that of
    the evaluation that exhausts `patience`.

    Every new row is given to `write`. Step k takes the k-th batch. Its row, if it has one, is
    written before the checkpoint of that step, and both hold only finite numbers. An evaluation
    that is the best so far writes the checkpoint and, after it, that of the best: the second is
    never ahead of the first. A run that is killed and called again so does what an undisturbed one
    would have done, bit for bit.

    Raises
    ------
    Interrupted
        After Ctrl-C or SIGTERM, with a checkpoint of the step just made.
    NotFinite
        When a loss or a shared variable is not finite; the last checkpoint stays as it is.
    """
    training = program.settings.training
    start = run.load_checkpoint()
    if start is not None:
        program.restore(start.values)
        program.stream.restore(start.stream)
    done, spent = (start.step, start.seconds) if start else (0, 0.0)
    metrics = MetricsLog(run.metrics, keep_to=done)
    evaluations = [row for row in metrics.rows if f"eval_{training.monitor}" in row]
    saved = start.step if start else None
    began = time.perf_counter() - spent
    limit = math.inf if training.minutes is None else 60 * training.minutes
    over = spent >= limit or stopped_early(metrics.rows, training)
    end = done if over else training.steps

    def save(step: int) -> None:
        nonlocal saved
        if step == saved:
            return
        metrics.sync()
        seconds = time.perf_counter() - began
        Checkpoint(step, seconds, program.values(), program.stream.state()).save(run.checkpoint)
        saved = step

    def save_best(step: int) -> None:
        best = best_of(metrics.rows, training) if training.keep_best else None
        if best is None or best.step != step:
            return
        save(step)
        write_atomically(run.best, run.checkpoint.read_bytes())

    def check(scalars: Mapping[str, float | None], step: int) -> None:
        names = [k for k, v in scalars.items() if v is not None and not math.isfinite(v)]
        bad = names[0] if names else program.not_finite()
        if bad:
            raise NotFinite(bad, step, run, saved)

    try:
        with StopRequest() as stop:
            save(done)
            save_best(done)  # a kill may have come between the two
            for step in range(done + 1, end + 1):
                rates = {}
                if not is_constant(training):
                    rates = program.schedule(factor(training, step, evaluations))
                values = program.step(*next(program.stream))
                check(values, step)
                last = step == end or time.perf_counter() - began >= limit
                evaluate = last or _due(step, training.eval_every)
                if evaluate or step == 1 or _due(step, training.log_every):
                    row = {"step": step, **values, **rates, "unitarity": program.unitarity()}
                    if evaluate:
                        row |= {f"eval_{k}": v for k, v in program.evaluate().items()}
                    check(row, step)
                    row["seconds"] = round(time.perf_counter() - began, 6)
                    metrics.append(row)
                    if write is not None:
                        write(row)
                    progress.row(row)
                    if evaluate:
                        evaluations.append(row)
                        save_best(step)
                        last = last or stopped_early(metrics.rows, training) is not None
                else:
                    progress.step(step)
                asked = stop.signal  # once: it may be set between two readings
                if last or asked or _due(step, training.checkpoint_every):
                    save(step)
                if last:
                    break
                if asked:
                    raise Interrupted(asked, f"stopped after step {step}")
    finally:
        metrics.close()
    return metrics.rows


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0
