"""The diagonal recurrence on PyTorch: a parallel scan over chunks."""

import torch
from pytensor.link.pytorch.dispatch.basic import pytorch_funcify

from unitarygraph.link.pytorch.opaque import opaque
from unitarygraph.ops.recurrence import DiagonalOverlap, DiagonalRecurrence

CHUNK = 16


@pytorch_funcify.register(DiagonalRecurrence)
def pytorch_diagonal_recurrence(op, node, **kwargs):
    """`DiagonalRecurrence`."""

    def diagonal_recurrence(drive, eigenvalues, h0, mask):
        op.sizes([tuple(x.shape) for x in (drive, eigenvalues, h0, mask)])
        if not len(drive):
            return [drive]
        factors = torch.complex(*eigenvalues)[None, None]
        factors = torch.where(mask[:, :, None], factors, 1) if op.masked else factors
        factors = factors.expand(len(drive), *factors.shape[1:])
        h = torch.complex(drive[:, 0], drive[:, 1])
        if op.reverse:
            factors, h = factors.flip(0), h.flip(0)
        h[0].addcmul_(factors[0], torch.complex(*h0))
        h = scan(factors, h)
        h = h.flip(0) if op.reverse else h
        return [torch.stack([h.real, h.imag], 1)]

    return opaque(op, diagonal_recurrence)


@pytorch_funcify.register(DiagonalOverlap)
def pytorch_diagonal_overlap(op, node, **kwargs):
    """`DiagonalOverlap`."""

    def diagonal_overlap(states, h0, p, mask):
        parts = (states[1:], h0[None]) if op.reverse else (h0[None], states[:-1])
        before = torch.cat(parts)[: len(p)]
        p = torch.where(mask[:, None, :, None], p, 0) if op.masked else p
        x, y, u, v = before[:, 0], before[:, 1], p[:, 0], p[:, 1]
        return [torch.stack([torch.sum(part, (0, 1)) for part in (x * u + y * v, x * v - y * u)])]

    return opaque(op, diagonal_overlap)


def scan(factors, drive):
    """States of h_t = a_t h_{t-1} + d_t from zero; ``(T, B or 1, n)``, ``(T, B, n)``.

    All chunks of steps run side by side from zero, then their ends are scanned, then each chunk adds
    what came in: CHUNK operations a level, of which there are log T.
    """
    T = len(drive)
    if T == 1:
        return drive
    length = min(CHUNK, T)
    count = -(-T // length)
    a, h = (_chunks(x, count, length) for x in (factors, drive))
    for i in range(1, length):
        h[:, i].addcmul_(a[:, i], h[:, i - 1])
        a[:, i] *= a[:, i - 1]
    if count > 1:
        ends = scan(a[:, -1], h[:, -1])
        h[1:].addcmul_(a[1:], ends[:-1, None])
    return h.flatten(0, 1)[:T]


def _chunks(x, count, length):
    """Copy of x ``(T, ...)`` as ``(count, length, ...)``, filled up with zeros."""
    chunks = x.new_zeros((count * length, *x.shape[1:]))
    chunks[: len(x)] = x
    return chunks.unflatten(0, (count, length))
