"""Numba implementations of `DiagonalRecurrence` and `DiagonalOverlap`: one pass over the steps each.

A pass moves as many bytes a second as a copy does, so threads would not speed it up.
"""

import numpy as np
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_default_op_cache_key

from unitarygraph.link.numba.cache import CACHE_VERSION
from unitarygraph.link.numba.callback import INTP, array_at, external
from unitarygraph.link.numba.memory import LARGE, prefer_huge_pages
from unitarygraph.ops.diagonal_overlap import DiagonalOverlap
from unitarygraph.ops.diagonal_recurrence import DiagonalRecurrence


def advise(address):
    """`prefer_huge_pages` for the memory in a table [address, bytes]."""
    start, size = map(int, array_at(address, (2,), INTP))
    prefer_huge_pages(array_at(start, (size,), np.dtype("uint8")))


@register_funcify_default_op_cache_key(DiagonalRecurrence)
def numba_diagonal_recurrence(op, node, **kwargs):
    """Steps one after another; rows of units are what LLVM makes vectors of."""
    masked, reverse = op.masked, op.reverse
    large_pages = external("unitarygraph_large_pages", lambda: advise)

    @numba_njit
    def numba_diagonal_recurrence(drive, eigenvalues, h0, mask):
        T, planes, B, n = drive.shape
        if planes != 2:
            raise ValueError("diagonal_recurrence: drive must be (T, 2, B, n)")
        if eigenvalues.shape != (2, n):
            raise ValueError("diagonal_recurrence: eigenvalues must be (2, n) with drive's n")
        if h0.shape != (2, B, n):
            raise ValueError("diagonal_recurrence: h0 must be (2, B, n) with drive's B and n")
        if masked and mask.shape != (T, B):
            raise ValueError("diagonal_recurrence: mask must be (T, B) with drive's T and B")
        d, start = np.ascontiguousarray(drive), np.ascontiguousarray(h0)
        eigenvalues = np.ascontiguousarray(eigenvalues)
        a, b = eigenvalues[0], eigenvalues[1]
        states = np.empty((T, 2, B, n), drive.dtype)
        if states.nbytes >= LARGE:
            table = np.empty(2, np.intp)
            table[0], table[1] = states.ctypes.data, states.nbytes
            large_pages(table.ctypes.data)
            # Numba frees an array after its last use.
            if table.size < 0:
                return states
        for k in range(T):
            t = T - 1 - k if reverse else k
            read = start if k == 0 else states[t + 1 if reverse else t - 1]
            for i in range(B):
                x, y, u, v = read[0, i], read[1, i], d[t, 0, i], d[t, 1, i]
                p, q = states[t, 0, i], states[t, 1, i]
                if masked and not mask[t, i]:
                    for j in range(n):
                        p[j] = x[j] + u[j]
                        q[j] = y[j] + v[j]
                else:
                    for j in range(n):
                        p[j] = a[j] * x[j] - b[j] * y[j] + u[j]
                        q[j] = a[j] * y[j] + b[j] * x[j] + v[j]
        return states

    return numba_diagonal_recurrence, CACHE_VERSION


@register_funcify_default_op_cache_key(DiagonalOverlap)
def numba_diagonal_overlap(op, node, **kwargs):
    """Samples of a step are summed in the dtype, steps in double precision."""
    masked, reverse = op.masked, op.reverse

    @numba_njit
    def numba_diagonal_overlap(states, h0, p, mask):
        T, _, B, n = states.shape
        states, start = np.ascontiguousarray(states), np.ascontiguousarray(h0)
        p = np.ascontiguousarray(p)
        total = np.zeros((2, n), np.float64)
        part = np.empty((2, n), states.dtype)
        re, im = part[0], part[1]
        for k in range(T):
            t = T - 1 - k if reverse else k
            read = start if k == 0 else states[t + 1 if reverse else t - 1]
            for j in range(n):
                re[j] = 0
                im[j] = 0
            for i in range(B):
                x, y, u, v = read[0, i], read[1, i], p[t, 0, i], p[t, 1, i]
                if not masked or mask[t, i]:
                    for j in range(n):
                        re[j] += x[j] * u[j] + y[j] * v[j]
                        im[j] += x[j] * v[j] - y[j] * u[j]
            for j in range(n):
                total[0, j] += re[j]
                total[1, j] += im[j]
        return total.astype(states.dtype)

    return numba_diagonal_overlap, CACHE_VERSION
