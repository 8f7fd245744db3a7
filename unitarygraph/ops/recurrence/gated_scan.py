"""The gated recurrences through `pytensor.scan`: the definition that the Op is judged by.

It is also where derivatives beyond the first come from.
"""

from types import SimpleNamespace

import pytensor
import pytensor.tensor as pt

from unitarygraph.ops import activations
from unitarygraph.ops.gates import tanh
from unitarygraph.ops.recurrence.gated_steps import step

#: what the steps compute with, on symbolic tensors
NAMESPACE = SimpleNamespace(tanh=tanh, reshape=pt.reshape, stack=pt.stack)


def gated_scan(op, drive, W, U, bias, offset, h0, c0, mask):
    """All states of a `GatedRecurrence` from its inputs, step by step. Needs T >= 1."""
    cell = op.kind.cell
    starts = [h0, c0] if cell else [h0]

    def activate(z, offset):
        if op.kind.planes == 2:
            # The definitions have the planes in front.
            options = {"m": offset} if op.activation == "hirose" else {}
            planes = pt.specify_shape(z.transpose(1, 0, 2), (2, None, None))
            return activations.activate(
                op.activation, planes, offset, "complex", **options
            ).transpose(1, 0, 2)
        return tanh(z) if op.activation == "tanh" else activations.modrelu(z, offset, "real")

    def one(drive_t, *rest):
        keep, rest = (rest[0], rest[1:]) if op.masked else (None, rest)
        old, fixed = rest[: len(starts)], rest[len(starts) :]
        h, c, *_ = step(NAMESPACE, op, activate, drive_t, *fixed, old[0], old[1] if cell else None)
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
