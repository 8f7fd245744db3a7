r"""Learning-rate schedules of a run by name: a factor of every rule's rate at each step.

With t = 0 at the first step, w = `warmup`, T = `schedule_steps` (else `steps`), k = `decay_every`,
f = `decay_factor` and e = `end_factor` the factor is :math:`\min((t + 1) / w, 1)` times

==============  ==================================================================================
constant        1
step            :math:`f^{\lfloor t / k \rfloor}`
milestones      :math:`f^m`, m how many of the steps in `decay_at` are made
exponential     :math:`f^{t / k}`
cosine          :math:`e + (1 - e) (1 + \cos(\pi s)) / 2`, s = (t - w) / (T - w) within 0 and 1
plateau         :math:`f^n`, n the times that k evaluations in a row were not better than the best
==============  ==================================================================================

Sources: Loshchilov and Hutter (2017), equation 5, for cosine; Goyal et al. (2017), section 2.2, for the
warm-up. A factor follows from the step and the evaluations before it, so that no state is to be saved; it
reaches the compiled step as a shared scalar.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from unitarygraph.training.best import improves
from unitarygraph.training.settings import TrainingOptions
from unitarygraph.training.store import Row


def factor(training: TrainingOptions, step: int, evaluations: Sequence[Row]) -> float:
    """Return the factor of the learning rates at a step, 1 the first.

    `evaluations` are the rows of evaluations before it.
    """
    t = step - 1
    warm = min((t + 1) / training.warmup, 1.0) if training.warmup else 1.0
    return warm * FACTORS[training.schedule](training, t, evaluations)


def is_constant(training: TrainingOptions) -> bool:
    """Whether every step has the rates that the rules say."""
    return training.schedule == "constant" and not training.warmup


def _constant(training: TrainingOptions, t: int, evaluations: Sequence[Row]) -> float:
    return 1.0


def _step(training: TrainingOptions, t: int, evaluations: Sequence[Row]) -> float:
    return training.decay_factor ** (t // training.decay_every)


def _milestones(training: TrainingOptions, t: int, evaluations: Sequence[Row]) -> float:
    return training.decay_factor ** sum(t >= at for at in training.milestones)


def _exponential(training: TrainingOptions, t: int, evaluations: Sequence[Row]) -> float:
    return training.decay_factor ** (t / training.decay_every)


def _cosine(training: TrainingOptions, t: int, evaluations: Sequence[Row]) -> float:
    steps = training.schedule_steps or training.steps
    part = min(max((t - training.warmup) / (steps - training.warmup), 0.0), 1.0)
    end = training.end_factor
    return end + (1 - end) * (1 + math.cos(math.pi * part)) / 2


def _plateau(training: TrainingOptions, t: int, evaluations: Sequence[Row]) -> float:
    name = f"eval_{training.monitor}"
    best, since, drops = None, 0, 0
    for row in evaluations:
        value = row[name]
        if best is None or improves(training, value, best):
            best, since = value, 0
            continue
        since += 1
        if since == training.decay_every:
            since, drops = 0, drops + 1
    return training.decay_factor**drops


FACTORS: dict[str, Callable[[TrainingOptions, int, Sequence[Row]], float]] = {
    "constant": _constant,
    "step": _step,
    "milestones": _milestones,
    "exponential": _exponential,
    "cosine": _cosine,
    "plateau": _plateau,
}
