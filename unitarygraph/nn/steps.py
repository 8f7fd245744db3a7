"""Cells step by step: one function a time step, in `pytensor.scan`."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt

from unitarygraph.stacked.typing import Value


def run_steps(
    step: Callable[..., Any],
    sequences: Sequence[Any],
    starts: Sequence[Any],
    parameters: Sequence[Any] = (),
    mask: Value | None = None,
) -> list[Any]:
    """Run ``step(*sequences at t, *states, *parameters) -> new states`` through time.

    Parameters
    ----------
    step : returns one new state, or a list of as many as there are starts
    sequences : arrays whose first axis is time; T >= 1
    starts : first states, ``(B, n)`` or stacked ``(2, B, n)``
    parameters : what is the same in every step, computed once. Shared variables need not be named.
    mask : ``(T, B)`` or None; where 0, all states stand still

    Returns a list with the states of all steps, ``(T, ...)``, one for each start.
    """
    count = len(sequences)
    masked = mask is not None

    def masked_step(*arguments):
        keep, arguments = (arguments[0], arguments[1:]) if masked else (None, arguments)
        old = arguments[count : count + len(starts)]
        new = step(*arguments)
        new = list(new) if isinstance(new, list | tuple) else [new]
        return [masked_state(keep, *pair) for pair in zip(new, old, strict=True)] if masked else new

    states = pytensor.scan(
        masked_step,
        sequences=[mask, *sequences] if masked else list(sequences),
        outputs_info=list(starts),
        non_sequences=list(parameters),
        return_updates=False,
    )
    return list(states) if isinstance(states, list | tuple) else [states]


def masked_state(mask, new, old):
    """``new``, ``(B, n)`` or ``(2, B, n)``, where mask ``(B,)`` is not 0, and ``old`` elsewhere."""
    return pt.switch(pt.neq(mask, np.int8(0))[:, None], new, old)


def blocks(parameter, n):
    """Blocks of n columns, one for each gate."""
    return [parameter[..., k : k + n] for k in range(0, parameter.type.shape[-1], n)]


def in_blocks(parameter, n):
    """``(..., kn)`` as ``(..., k, n)``, a block for each gate."""
    *lead, width = (
        parameter.shape[i] if length is None else length
        for i, length in enumerate(parameter.type.shape)
    )
    return pt.reshape(parameter, (*lead, width // n, n))
