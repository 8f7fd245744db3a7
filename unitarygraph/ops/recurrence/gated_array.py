"""The gated recurrences and their gradients as loops over time, over an array namespace."""

from unitarygraph.ops.activations import RECURRENT
from unitarygraph.ops.recurrence.complex_activations import value
from unitarygraph.ops.recurrence.gated_steps import step, step_back


def forward(xp, op, drive, W, U, bias, offset, h0, c0, mask):
    """`GatedRecurrence`: states, gates and memory."""
    op.sizes([tuple(v.shape) for v in (drive, W, U, bias, offset, h0, c0, mask)])

    def activate(z, offset):
        if op.kind.planes == 2:
            return value(xp, op.activation, z, offset)
        return RECURRENT[op.activation].value(xp, z, offset)

    def one(carry, given):
        h, c = carry
        new, cell, gates, memory = step(xp, op, activate, given[0], W, U, bias, offset, h, c)
        if op.masked:
            keep = given[1]
            new = xp.where(broadcast(keep, h), new, h)
            if op.kind.cell:
                cell = memory = xp.where(keep[:, None], cell, c)
        return (new, cell), (new, gates, memory) if op.kind.memory else (new, gates)

    given = (drive, mask) if op.masked else (drive,)
    _, results = xp.scan(one, (h0, c0), given)
    return results if op.kind.memory else (*results, xp.zeros((0, 0, 0), like=drive))


def backward(xp, op, drive, W, U, bias, offset, h0, c0, mask, states, gates, memory, states_bar):
    """`GatedRecurrenceGrad`: cotangents of drive, W, U, bias, offset, h0 and c0."""
    given = {"before": before(xp, h0, states), "gates": gates, "bar": states_bar}
    if op.kind.memory:
        given["memory"] = memory
    if op.kind.cell:
        given["c_before"] = before(xp, c0, memory)
    if op.masked:
        given["keep"] = mask
    names = tuple(given)

    def one(carry, arrays):
        here = dict(zip(names, arrays, strict=True))
        h_bar, c_bar, *sums = carry
        h_bar = h_bar + here["bar"]
        # Where the mask is 0 the gates may hold anything.
        if op.masked:
            for name in ("gates", "memory"):
                if name in here:
                    here[name] = xp.where(broadcast(here["keep"], here[name]), here[name], 0)
        turned = live(xp, op, here, h_bar), live(xp, op, here, c_bar) if op.kind.cell else c_bar
        drive_bar, h_new, c_new, *parts = step_back(xp, op, here, W, U, offset, *turned)
        if op.masked:
            drive_bar = live(xp, op, here, drive_bar)
            h_new = xp.where(broadcast(here["keep"], h_bar), h_new, h_bar)
            if op.kind.cell:
                c_new = xp.where(here["keep"][:, None], c_new, c_bar)
        sums = [total + part for total, part in zip(sums, parts, strict=True)]
        return (h_new, c_new, *sums), drive_bar

    start = [xp.zeros_like(x) for x in (h0, c0, W, U, offset)]
    carry, drive_bar = xp.scan(one, tuple(start), tuple(given.values()), reverse=True)
    h0_bar, c0_bar, W_bar, U_bar, offset_bar = carry
    return drive_bar, W_bar, U_bar, xp.sum(drive_bar, (0, 1)), offset_bar, h0_bar, c0_bar


def live(xp, op, here, x_bar):
    """The cotangents that a step turns back; those of masked samples pass it by."""
    return xp.where(broadcast(here["keep"], x_bar), x_bar, 0) if op.masked else x_bar


def before(xp, start, states):
    """The states that steps read."""
    return xp.concatenate([start[None], states])[:-1]


def broadcast(keep, x):
    """A condition on samples with as many axes as x has."""
    return keep[(..., *(None,) * (x.ndim - 1))]
