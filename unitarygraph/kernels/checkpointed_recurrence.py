"""The recurrence with few states kept, on NumPy arrays: the kernels segment by segment.

The batch is divided over threads as in `unitarygraph.kernels.recurrence`, and each thread runs its rows
through all segments. States live in one array of as many steps as a block has.
"""

import numpy as np

from unitarygraph.kernels.recurrence import adjoint_products, fill_total, products
from unitarygraph.kernels.segments import Segments, Sums, planes_of
from unitarygraph.kernels.threads import row_blocks, run_in_threads
from unitarygraph.ops.activations import RECURRENT
from unitarygraph.ops.recurrence.memory import block_of, schedule

# What states that were run backward may differ from a checkpoint a step, in eps of the largest entry
# (0.1 to 2 were measured, the more the smaller n is); and W^H W from the identity, in eps times the
# root of n.
CLOSE, UNITARY = 4, 16


def forward(
    field, activation, memory, drive, W, h0, bias, mask, readout, outputs, last, checkpoints
):
    """Fill ``outputs``, ``last`` and ``checkpoints``; bias, mask and readout may be None."""
    T, (B, n) = len(drive), drive.shape[-2:]
    last[...] = h0
    if not n:
        outputs[...] = 0
    steps, _ = schedule(memory)(T)
    block = block_of(memory, steps)
    states, moduli = buffers(field, activation, drive, block)
    W = products(field, W)

    def run(rows):
        s = Segments(field, activation, drive, W, W, bias, mask, states, moduli, *rows)
        start = h0
        for lo, hi in pieces(0, T, steps, block):
            s.rows(last)[...] = s.rows(s.forward(start, lo, hi))
            start = last
            if readout is not None:
                read(s.rows(states[: hi - lo]), readout, s.rows(outputs[lo:hi]))
            if hi < T and hi % steps == 0:
                s.rows(checkpoints[hi // steps - 1])[...] = s.rows(last)

    blocks = blocks_of(T * B * n * n, drive)
    if T and blocks:
        run_in_threads(run, blocks)


def backward(
    field, activation, memory, drive, W, h0, bias, mask, readout, last, checkpoints, outputs_bar,
    last_bar, drive_bar, W_bar, h0_bar, bias_bar, readout_bar,
):  # fmt: skip
    """Fill the last five, ``drive_bar`` perhaps over ``drive``; bias, mask, readout, last and cotangents
    may be None.
    """
    T, (B, n) = len(drive), drive.shape[-2:]
    h0_bar[...] = 0 if last_bar is None else last_bar
    steps, count = schedule(memory)(T)
    block = block_of(memory, steps)
    states, moduli = buffers(field, activation, drive, block)
    between = np.empty((-(-steps // block) - 1, *h0.shape), drive.dtype)
    before = np.empty_like(h0)
    invertible = memory == "invert" and may_invert(activation, W, bias)
    W_forward, W = products(field, W), adjoint_products(field, W)
    blocks = blocks_of(2 * T * B * n * n, drive)
    # Sums over samples: of each thread its own.
    W_parts = np.zeros((len(blocks), *W.shape), W.dtype)
    bias_parts = np.zeros((len(blocks), n))
    readout_parts = np.zeros((len(blocks), *readout_bar.shape), W.dtype)

    def run(number):
        s = Segments(
            *(field, activation, drive, W_forward, W, bias, mask, states, moduli),
            *blocks[number],
        )
        parts = W_parts[number], bias_parts[number], readout_parts[number]
        sums = Sums(s, readout, outputs_bar, drive_bar, h0_bar, *parts)
        invert = invertible
        for k in reversed(range(count + 1)):
            lo, hi = k * steps, min((k + 1) * steps, T)
            start = checkpoints[k - 1] if k else h0
            if invert:
                end = checkpoints[k] if k < count else last
                # Where it went wrong once, it would again.
                invert = by_inverse(s, sums, start, end, before, lo, hi, block)
            if not invert:
                by_checkpoints(s, sums, start, between, lo, hi, block)

    if T and blocks:
        run_in_threads(run, list(range(len(blocks))))
    fill_total(field, W_bar, W_parts)
    if bias is not None:
        bias_bar[...] = bias_parts.sum(axis=0)
    readout_bar[...] = readout_parts.sum(axis=0)


def by_checkpoints(s, sums, start, between, lo, hi, block):
    """The gradient of a segment, its states computed from the one before; ``between`` keeps some."""
    starts = [start]
    *first, final = pieces(lo, hi, hi - lo, block)
    for (a, b), kept in zip(first, between, strict=False):
        s.rows(kept)[...] = s.rows(s.forward(starts[-1], a, b))
        starts.append(kept)
    for (a, b), state in zip(reversed([*first, final]), reversed(starts), strict=True):
        s.forward(state, a, b)
        sums.backward(state, a, b)


def by_inverse(s, sums, start, end, before, lo, hi, block):
    """The gradient of a segment, its states run backward from its end; False, and no change of the
    sums, where they miss the state before it.
    """
    saved, state = sums.saved(lo, hi), end
    for a, b in reversed(list(pieces(lo, hi, hi - lo, block))):
        s.inverse(state, before, a, b)
        sums.backward(before, a, b)
        state = before
    if close(s.rows(before), s.rows(start), s.rows(end), hi - lo):
        return True
    sums.restore(saved, lo, hi)
    return False


def close(found, start, end, steps):
    """Whether a state differs from ``start`` by no more than rounding, sample by sample."""
    axes = (0, -1) if start.ndim == 3 else -1
    size = np.maximum(abs(start).max(axes), abs(end).max(axes))
    bound = CLOSE * (8 + steps) * np.finfo(start.dtype).eps * size
    # False as well for NaN.
    return bool(np.all(abs(found - start).max(axes) <= bound))


def may_invert(activation, W, bias):
    """Whether W is unitary and no bias of the modReLU negative, as far as that can be told."""
    if W.ndim == 3:
        W = W[0] + 1j * W[1]
    excess = abs(W.conj().T @ W - np.eye(len(W))).max(initial=0)
    unitary = excess <= UNITARY * np.finfo(W.dtype).eps * np.sqrt(len(W))
    return bool(unitary and (not RECURRENT[activation].biased or np.all(bias >= 0)))


def buffers(field, activation, drive, block):
    """Arrays for the states of a block of steps, and for their moduli where they are read."""
    block = min(block, len(drive))
    states = np.empty((block, *drive.shape[1:]), drive.dtype)
    if field == "complex" and RECURRENT[activation].biased:
        return states, np.empty((block, *drive.shape[2:]), drive.dtype)
    return states, None


def pieces(lo, hi, steps, block):
    """Steps [lo, hi) in segments of ``steps``, each in pieces of ``block``."""
    for start in range(lo, hi, steps):
        end = min(start + steps, hi)
        yield from ((a, min(a + block, end)) for a in range(start, end, block))


def read(states, readout, outputs):
    """Real outputs of states."""
    (plane, U), *others = planes_of(readout)
    np.matmul(states[plane], U, out=outputs)
    for other, V in others:
        outputs += states[other] @ V


def blocks_of(work, drive):
    """Rows of each thread."""
    B, n = drive.shape[-2:]
    return row_blocks(B, work) if B and n else []
