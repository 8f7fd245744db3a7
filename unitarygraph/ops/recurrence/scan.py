"""The recurrence through `pytensor.scan`: the definition that the Op is judged by.

It is also where derivatives beyond the first come from, and the one file here that knows scan.
"""

import pytensor
import pytensor.tensor as pt

from unitarygraph.ops.activations import activate


def recurrence_scan(drive, W, h0, bias=None, activation="modrelu", mask=None):
    """All states of `unitarygraph.recurrence`, one step of `pytensor.scan` at a time.

    Same shapes and meaning as there; ``mask`` is None or boolean ``(T, B)``. Needs T >= 1.
    """
    field = "complex" if W.type.ndim == 3 else "real"
    masked = mask is not None
    sequences = [drive, mask] if masked else [drive]
    parameters = [W] if bias is None else [W, bias]

    def step(drive_t, *rest):
        keep, rest = (rest[0], rest[1:]) if masked else (None, rest)
        h, W, *b = rest
        z = activate(activation, product(h, W) + drive_t, b[0] if b else None, field)
        return pt.switch(keep[:, None], z, h) if masked else z

    return pytensor.scan(
        step,
        sequences=sequences,
        outputs_info=[h0],
        non_sequences=parameters,
        strict=True,
        return_updates=False,
    )


def product(h, W):
    """``h W`` for a state ``(B, n)`` or stacked ``(2, B, n)``."""
    if W.type.ndim == 2:
        return h @ W
    return pt.stack([h[0] @ W[0] - h[1] @ W[1], h[0] @ W[1] + h[1] @ W[0]])


def read_out(states, readout):
    """Real outputs of all steps, Re h U_0 + Im h U_1 or h U: ``(T, B, k)``.

    ``readout`` is U ``(2, n, k)`` for stacked states, ``(n, k)`` for real ones.
    """
    axes = [[2], [0]] if readout.type.ndim == 2 else [[1, 3], [0, 1]]
    return pt.tensordot(states, readout, axes=axes)
