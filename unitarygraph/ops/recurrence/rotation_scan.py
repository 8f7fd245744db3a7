"""The recurrence of rotations through `pytensor.scan`: the definition that the Op is judged by.

It is also where derivatives beyond the first come from.
"""

import pytensor
import pytensor.tensor as pt

from unitarygraph.ops.activations import activate
from unitarygraph.ops.rotations import Rotations
from unitarygraph.stacked.functions import mul, stack


def rotation_scan(op, drive, theta, phi, omega, h0, bias, mask):
    """All states of a `RotationRecurrence` from its inputs, step by step. Needs T >= 1."""
    turns = op.field == "complex"
    layers = Rotations(op.field, op.style)
    fixed = [theta, phi, omega] if turns else [theta]
    shape = h0.type.shape

    def one(drive_t, *rest):
        keep, rest = (rest[0], rest[1:]) if op.masked else (None, rest)
        old, theta, *rest = rest
        h = pt.specify_shape(old, shape)
        if turns:
            phi, omega, *rest = rest
            D = stack(pt.cos(omega)[None, :], pt.sin(omega)[None, :])
            h = mul(h, D) if op.diagonal == "first" else h
            h = layers(h, theta, phi)
            h = mul(h, D) if op.diagonal == "last" else h
        else:
            h = layers(h, theta)
        new = activate(op.activation, h + drive_t, rest[0] if op.biased else None, op.field)
        return pt.switch(keep[:, None], new, old) if op.masked else new

    return pytensor.scan(
        one,
        sequences=[drive, mask] if op.masked else [drive],
        outputs_info=[h0],
        non_sequences=[*fixed, bias] if op.biased else fixed,
        strict=True,
        return_updates=False,
    )
