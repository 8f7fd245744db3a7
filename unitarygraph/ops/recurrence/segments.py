"""The recurrence that keeps few states, over any array namespace: loops over segments of time.

Segments are as long as `memory.schedule` says, the last one may be shorter. Each is the loop over time
of `array`; what it makes of states is dropped with it. "invert" is computed by checkpoints as well:
the states of a segment are then those of the forward pass, and there are fewer segments.
"""

from unitarygraph.ops.recurrence import array
from unitarygraph.ops.recurrence.grad import RecurrenceGrad
from unitarygraph.ops.recurrence.memory import schedule


def forward(xp, op, drive, W, h0, bias, mask, readout):
    """`CheckpointedRecurrence`: outputs, last state and checkpoints."""
    op.sizes([tuple(v.shape) for v in (drive, W, h0, bias, mask, readout)])
    steps, count = schedule(op.memory)(drive.shape[0])

    def segment(h, given):
        states, last, _ = array.steps(xp, op, given[0], W, h, bias, given[1] if op.masked else mask)
        return last, (last, read_out(xp, states, readout)) if op.reads else (last,)

    whole, rest = split(xp, steps, (drive, mask) if op.masked else (drive,))
    h, (ends, *outputs) = xp.scan(segment, h0, whole)
    h, (_, *tail) = segment(h, rest)
    empty = xp.zeros((0, 0, 0), like=drive)
    if op.reads:
        outputs = xp.concatenate([joined(xp, outputs[0]), tail[0]])
    return outputs if op.reads else empty, h, ends[:count]


def backward(xp, op, drive, W, h0, bias, mask, readout, last, checkpoints, outputs_bar, last_bar):
    """`CheckpointedRecurrenceGrad`: cotangents of drive, W, h0, bias and readout."""
    steps, _ = schedule(op.memory)(drive.shape[0])
    inner = RecurrenceGrad(op.field, op.activation, op.masked, op.from_outputs, True)

    def segment(carry, given):
        h_bar, *sums = carry
        start, drive, *more = given
        here = more.pop(0) if op.masked else mask
        states, _, moduli = array.steps(xp, op, drive, W, start, bias, here)
        bars = None
        readout_bar = xp.zeros_like(readout)
        if op.from_outputs:
            bars, readout_bar = read_out_bars(xp, states, readout, more[0])
        drive_bar, W_bar, h_bar, bias_bar = array.backward(
            xp, inner, drive, W, start, bias, here, states, moduli, bars, h_bar
        )
        added = (W_bar, bias_bar, readout_bar)
        return (h_bar, *(s + x for s, x in zip(sums, added, strict=True))), drive_bar

    sequences = [drive]
    sequences += [mask] if op.masked else []
    sequences += [outputs_bar] if op.from_outputs else []
    whole, rest = split(xp, steps, sequences)
    full = len(whole[0])
    starts = xp.concatenate([h0[None], checkpoints])
    carry = (
        last_bar if op.from_last else xp.zeros_like(h0),
        *(xp.zeros_like(x) for x in (W, bias, readout)),
    )
    tail = rest[0]
    if len(tail):
        carry, tail = segment(carry, (starts[-1], *rest))
    carry, bars = xp.scan(segment, carry, (starts[:full], *whole), reverse=True)
    h0_bar, W_bar, bias_bar, readout_bar = carry
    return xp.concatenate([joined(xp, bars), tail]), W_bar, h0_bar, bias_bar, readout_bar


def split(xp, steps, sequences):
    """Whole segments of sequences ``(T, ...) -> (T // steps, steps, ...)``, and what is left."""
    full = len(sequences[0]) // steps
    cut = full * steps
    whole = tuple(xp.reshape(x[:cut], (full, steps, *x.shape[1:])) for x in sequences)
    return whole, tuple(x[cut:] for x in sequences)


def joined(xp, segments):
    """The steps of all segments, ``(S, steps, ...) -> (S steps, ...)``."""
    count, steps, *rest = segments.shape
    return xp.reshape(segments, (count * steps, *rest))


def read_out(xp, states, readout):
    """Real outputs ``(steps, B, k)`` of states as stored."""
    if readout.ndim == 2:
        return states @ readout
    return states[:, 0] @ readout[0] + states[:, 1] @ readout[1]


def read_out_bars(xp, states, readout, outputs_bar):
    """Cotangents of the states and of the readout."""
    if readout.ndim == 2:
        return outputs_bar @ readout.mT, xp.sum(states.mT @ outputs_bar, 0)
    bars = xp.stack([outputs_bar @ readout[0].mT, outputs_bar @ readout[1].mT], 1)
    return bars, xp.sum(states.mT @ outputs_bar[:, None], 0)
