"""Kernels of the real recurrence: rows of the batch through all time steps.

A kernel takes the rows [first, last) of every step, so that threads may share a batch, and works in
place: products accumulate onto the drive (forward) and onto the states' cotangents (backward). It
is a C function of one table of integers (addresses and sizes), compiled once for a dtype and an
activation and kept in numba's cache on disk.
"""

import numpy as np
from numba import carray, cfunc, njit, types

from unitarygraph.link.numba.blas import (
    add_gram,
    array_at,
    scalars_of,
    sizes_of,
    times,
    times_transposed,
)
from unitarygraph.link.numba.cache import CACHE_VERSION
from unitarygraph.ops.activations import LEAKY_SLOPE

CODES = {"modrelu": 0, "relu": 1, "tanh": 2, "identity": 3, "leaky_relu": 4}
TABLE = types.void(types.CPointer(types.int64))
# x / m and y / m may share one division; nothing may assume that there is no NaN.
OPTIONS = {"fastmath": {"contract", "arcp", "nsz"}, "error_model": "numpy"}


# Comparisons are written so that NaN takes the branch that keeps it; 0 comes in the dtype, and c: 1,
# or the slope of leaky ReLU.
@njit(**OPTIONS)
def activate(code, z, b, zero, c):
    """Value f(z); b is the modReLU's bias."""
    if code == 0:
        a = abs(z) + b
        a = zero if a <= zero or z == zero else a
        return -a if z < zero else a
    if code == 1:
        return zero if z <= zero else z
    if code == 2:
        return np.tanh(z)
    if code == 4:
        return z if z > zero else c * z
    return z


@njit(**OPTIONS)
def slope(code, h, g, zero, c):
    """Cotangent of z from h = f(z) and its cotangent g."""
    if code == 0:
        return zero if h == zero else g
    if code == 1:
        return zero if h <= zero else g
    if code == 2:
        return (c - h * h) * g
    if code == 4:
        return g if h > zero else c * g
    return g


# Loops over arrays that do not overlap, one result a loop: what LLVM makes vectors of.
@njit(**OPTIONS)
def copy(x, y):
    """y = x."""
    for j in range(len(x)):
        y[j] = x[j]


@njit(**OPTIONS)
def clear(x):
    """x = 0; a loop, since LLVM compiles slice assignment for a second."""
    for j in range(len(x)):
        x[j] = 0


@njit(**OPTIONS)
def add(x, y, z):
    """z = x + y; z may be x or y."""
    for j in range(len(x)):
        z[j] = x[j] + y[j]


@njit(**OPTIONS)
def gather(total, step):
    """Add a step's sum to the total, in double, and start the next from zero."""
    for j in range(len(step)):
        total[j] += step[j]
    clear(step)


@njit(**OPTIONS)
def hold(keep, x, carried, zero):
    """Rows x of a step whose mask is 0 go to ``carried``, those of the step after come from it."""
    n = len(x) // len(keep)
    for r in range(len(keep)):
        for j in range(r * n, (r + 1) * n):
            g = x[j] + carried[j]
            x[j] = zero if keep[r] == 0 else g
            carried[j] = g if keep[r] == 0 else zero


def forward_kernel(dtype, activation):
    """Kernel of ``[drive, W, h0, bias, mask, states, moduli, T, B, n, first, last, masked]``.

    ``states`` may be ``drive``; there are no moduli.
    """
    code, single, version = CODES[activation], dtype == np.float32, CACHE_VERSION

    @cfunc(TABLE, cache=True, **OPTIONS)
    def recurrence_real(table):
        at = carray(table, 13)
        drive, W, h, mask, states = at[0], at[1], at[2], at[4], at[5]
        T, B, n, first, last, masked = at[7], at[8], at[9], at[10], at[11], at[12] != 0
        rows = last - first
        bias = array_at(at[3], n if code == 0 else 0, dtype)
        integers, scalars = sizes_of(rows, n), scalars_of(bias.dtype)
        i, s = integers.ctypes.data, scalars.ctypes.data
        zero, c = scalars[0], dtype(LEAKY_SLOPE) if code == 4 else scalars[1]
        row, size = n * bias.itemsize, rows * n
        h += first * row
        for t in range(T):
            here = (t * B + first) * row
            z = states + here
            if drive != states:
                copy(array_at(drive + here, size, dtype), array_at(z, size, dtype))
            times(single, True, h, W, z, i, s)
            keep = array_at(mask + t * B + first, rows if masked else 0, np.uint8)
            for r in range(rows):
                x = array_at(z + r * row, n, dtype)
                if masked and keep[r] == 0:
                    copy(array_at(h + r * row, n, dtype), x)
                else:
                    for j in range(n):
                        x[j] = activate(code, x[j], bias[j] if code == 0 else zero, zero, c)
            h = z
        # Read once more: the tables must live until here, the version must be in the cache's key.
        at[12] = integers.size + scalars.size + version

    return recurrence_real


def backward_kernel(dtype, activation):
    """Kernel of the gradient.

    Table ``[states_bar, W, last_bar, bias, mask, states, moduli, h0, drive_bar, W_bar, h0_bar,
    bias_bar, T, B, n, first, last, masked, from_states, from_last]``. ``drive_bar`` may be
    ``states_bar``; ``W_bar`` ``(n, n)`` and ``bias_bar`` ``(n,)``, in double, are this call's own,
    zero at the start.
    """
    code, single, version = CODES[activation], dtype == np.float32, CACHE_VERSION

    @cfunc(TABLE, cache=True, **OPTIONS)
    def recurrence_grad_real(table):
        at = carray(table, 20)
        states_bar, W, last_bar, mask, states = at[0], at[1], at[2], at[4], at[5]
        h0, drive_bar, W_bar, h0_bar = at[7], at[8], at[9], at[10]
        T, B, n, first, last = at[12], at[13], at[14], at[15], at[16]
        masked, from_states, from_last = at[17] != 0, at[18] != 0, at[19] != 0
        rows = last - first
        bias_bar, bias_step = array_at(at[11], n, np.float64), np.zeros(n, dtype)
        integers, scalars = sizes_of(rows, n), scalars_of(bias_step.dtype)
        i, s = integers.ctypes.data, scalars.ctypes.data
        zero, c = scalars[0], dtype(LEAKY_SLOPE) if code == 4 else scalars[1]
        row, size = n * bias_step.itemsize, rows * n
        carried = np.zeros(size if masked else 0, dtype)
        start = array_at(h0_bar + first * row, size, dtype)
        if from_last:
            copy(array_at(last_bar + first * row, size, dtype), start)
        else:
            clear(start)
        after = 0
        for t in range(T - 1, -1, -1):
            here = (t * B + first) * row
            z = drive_bar + here
            block = array_at(z, size, dtype)
            if from_states and states_bar != drive_bar:
                copy(array_at(states_bar + here, size, dtype), block)
            if after != 0:
                times_transposed(single, from_states, after, W, z, i, s)
            elif from_states:
                add(block, start, block)
            else:
                copy(start, block)
            keep = array_at(mask + t * B + first, rows if masked else 0, np.uint8)
            if masked:
                hold(keep, block, carried, zero)
            for r in range(rows):
                if masked and keep[r] == 0:
                    continue
                x, h = array_at(z + r * row, n, dtype), array_at(states + here + r * row, n, dtype)
                for j in range(n):
                    x[j] = slope(code, h[j], x[j], zero, c)
                if code == 0:
                    for j in range(n):
                        bias_step[j] += -x[j] if h[j] < zero else x[j]
            if code == 0:
                gather(bias_bar, bias_step)
            before = states + here - B * row if t > 0 else h0 + first * row
            add_gram(single, before, z, W_bar, i, s)
            after = z
        if after != 0:
            times_transposed(single, False, after, W, h0_bar + first * row, i, s)
        if masked:
            add(start, carried, start)
        # Read once more: the tables must live until here, the version must be in the cache's key.
        at[19] = integers.size + scalars.size + version

    return recurrence_grad_real
