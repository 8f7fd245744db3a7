r"""Learning rates, or other numbers of a rule, as functions of the step.

>>> from unitarygraph.updates import schedules
>>> step, count = schedules.step_counter()
>>> rate = schedules.warmup(step, 100) * schedules.cosine(step, 0.1, 10_000)

A rule takes ``rate`` as it is, and ``rule(loss, params, rate) | count`` are its updates. ``step`` is
0 in the first call of the compiled function. Every schedule takes any symbolic scalar as its step
and gives a symbolic scalar in double, which the rule casts to each parameter's dtype; schedules
multiply and add like numbers. All raise ValueError for a step that is not a scalar.
"""

import math
from collections.abc import Iterable

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.tensor.variable import TensorVariable

from unitarygraph.stacked.typing import Scalar, Updates, Value


def step_counter(name: str = "step", start: int = 0) -> tuple[SharedVariable, Updates]:
    """A shared int64 scalar that counts calls, and the dictionary {counter: counter + 1}."""
    step = pytensor.shared(np.asarray(start, "int64"), name=name)
    return step, {step: step + 1}


def constant(step: Value, rate: Scalar) -> TensorVariable:
    """The number ``rate`` at every step."""
    return pt.ones_like(_time(step)) * rate


def staircase(
    step: Value, rate: Scalar, boundaries: Iterable[float], factor: float = 0.1
) -> TensorVariable:
    r""":math:`\mathrm{rate} \cdot \mathrm{factor}^k`, k the number of boundaries at or below step.

    ``boundaries``: steps at which the rate drops, as in PyTorch's ``MultiStepLR``; an interval of
    equal stairs is ``range(interval, steps, interval)``.
    """
    reached = np.asarray(list(boundaries), "float64")
    if reached.ndim != 1:
        raise ValueError(f"staircase: boundaries must be numbers, got shape {reached.shape}")
    return rate * factor ** pt.ge(_time(step), reached).sum().astype("float64")


def cosine(step: Value, rate: Scalar, steps: float, end: float = 0.0) -> TensorVariable:
    r"""Half a cosine from ``rate`` at step 0 to ``end`` at ``steps``, constant outside of them.

    .. math:: end + (rate - end)\,(1 + \cos(\pi t)) / 2, \quad t = step / steps

    Raises ValueError unless steps is positive. Source: Loshchilov and Hutter (2017), equation 5.
    """
    part = pt.clip(_time(step) / _positive("cosine", steps), 0.0, 1.0)
    return end + (rate - end) * (1 + pt.cos(math.pi * part)) / 2


def warmup(step: Value, steps: float, rate: Scalar = 1.0) -> TensorVariable:
    r"""A straight line: :math:`\mathrm{rate} \cdot \min((step + 1) / steps, 1)`.

    The first step's rate is rate / steps, not zero. Multiply a schedule by it, or shift that one:
    ``warmup(step, 100) * cosine(step - 100, ...)``. Raises ValueError unless steps is positive.
    Source: Goyal et al. (2017), section 2.2.
    """
    return rate * pt.minimum((_time(step) + 1) / _positive("warmup", steps), 1.0)


def _positive(schedule, steps):
    if not steps > 0:
        raise ValueError(f"{schedule}: steps must be positive, got {steps}")
    return float(steps)


def _time(step):
    step = pt.as_tensor_variable(step)
    if step.type.ndim:
        raise ValueError(f"step must be a scalar, got shape {step.type.shape}")
    return step.astype("float64")
