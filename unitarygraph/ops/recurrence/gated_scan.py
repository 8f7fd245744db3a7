"""The gated recurrences through `pytensor.scan`: the definition that the Op is judged by.

It is also where derivatives beyond the first come from.
"""

from types import SimpleNamespace

import pytensor
import pytensor.tensor as pt

from unitarygraph.ops.gates import tanh
from unitarygraph.ops.recurrence.gated_steps import step

#: what the steps compute with, on symbolic tensors
NAMESPACE = SimpleNamespace(tanh=tanh, reshape=pt.reshape, stack=pt.stack)


def gated_scan(op, drive, W, U, bias, offset, h0, c0, mask):
    """All states of a `GatedRecurrence` from its inputs, step by step. Needs T >= 1."""
    cell = op.kind.cell
    starts = [h0, c0] if cell else [h0]

    def one(drive_t, *rest):
        keep, rest = (rest[0], rest[1:]) if op.masked else (None, rest)
        old, fixed = rest[: len(starts)], rest[len(starts) :]
        h, c, *_ = step(NAMESPACE, op, drive_t, *fixed, old[0], old[1] if cell else None)
        new = [h, c][: len(starts)]
        if op.masked:
            new = [
                pt.switch(keep[(..., *(None,) * (x.type.ndim - 1))], x, y)
                for x, y in zip(new, old, strict=True)
            ]
        return new

    results = pytensor.scan(
        one,
        sequences=[drive, mask] if op.masked else [drive],
        outputs_info=starts,
        non_sequences=[W, U, bias, offset],
        strict=True,
        return_updates=False,
    )
    return results[0] if cell else results
