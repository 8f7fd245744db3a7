"""Kernels of the real recurrence: rows of the batch through all time steps.

A kernel takes the rows [first, last) of every step, so that threads may share a batch, and works in
place: products accumulate onto the drive (forward) and onto the states' cotangents (backward). It is
a C function of the address of one record (`FORWARD`, `BACKWARD`), compiled once for a dtype and an
activation and kept in numba's cache on disk.
"""

import numpy as np
from numba import carray, cfunc, from_dtype, types

from unitarygraph.kernels.activations import number_of, slope, value
from unitarygraph.kernels.blas import (
    add_gram,
    carray_at,
    scalars_of,
    sizes_of,
    times,
    times_transposed,
)
from unitarygraph.kernels.options import FAST_KERNEL
from unitarygraph.kernels.records import record_type
from unitarygraph.kernels.vectors import add, add_and_clear, clear, copy, pass_masked_rows
from unitarygraph.kernels.version import KERNEL_VERSION
from unitarygraph.ops.activations import RECURRENT

# Addresses of arrays, sizes, flags; `alive` is written at the end.
FORWARD = record_type(
    *("drive", "W", "h0", "bias", "mask", "states", "moduli"),
    *("T", "B", "n", "first", "last", "masked", "alive"),
)
BACKWARD = record_type(
    *("states_bar", "W", "last_bar", "bias", "mask", "states", "moduli", "h0"),
    *("drive_bar", "W_bar", "h0_bar", "bias_bar"),
    *("T", "B", "n", "first", "last", "masked", "from_states", "from_last", "alive"),
)


def signature(record):
    """Of a kernel: nothing from the address of a record."""
    return types.void(types.CPointer(from_dtype(record)))


def forward_kernel(dtype, activation):
    """Kernel of a `FORWARD`; ``states`` may be ``drive``, and there are no moduli."""
    number, biased = number_of(activation), RECURRENT[activation].biased
    constant = dtype(RECURRENT[activation].constant)
    single, version = dtype == np.float32, KERNEL_VERSION

    @cfunc(signature(FORWARD), **FAST_KERNEL)
    def recurrence_real(address):
        given = carray(address, 1)[0]
        drive, W, h, mask, states = given.drive, given.W, given.h0, given.mask, given.states
        T, B, n, first, masked = given.T, given.B, given.n, given.first, given.masked != 0
        rows = given.last - first
        bias = carray_at(given.bias, n if biased else 0, dtype)
        integers, scalars = sizes_of(rows, n), scalars_of(bias.dtype)
        i, s = integers.ctypes.data, scalars.ctypes.data
        zero = scalars[0]
        row, size = n * bias.itemsize, rows * n
        h += first * row
        for t in range(T):
            here = (t * B + first) * row
            z = states + here
            if drive != states:
                copy(carray_at(drive + here, size, dtype), carray_at(z, size, dtype))
            times(single, True, h, W, z, i, s)
            taken = carray_at(mask + t * B + first, rows if masked else 0, np.uint8)
            for r in range(rows):
                x = carray_at(z + r * row, n, dtype)
                if masked and taken[r] == 0:
                    copy(carray_at(h + r * row, n, dtype), x)
                else:
                    for j in range(n):
                        x[j] = value(number, x[j], bias[j] if biased else zero, zero, constant)
            h = z
        # The arrays that BLAS reads by address must live until here; and numba's key for its cache on
        # disk holds what a kernel reads, so the version must be read.
        given.alive = integers.size + scalars.size + version

    return recurrence_real


def backward_kernel(dtype, activation):
    """Kernel of a `BACKWARD`.

    ``drive_bar`` may be ``states_bar``; ``W_bar`` ``(n, n)`` and ``bias_bar`` ``(n,)``, in double, are
    this call's own, zero at the start.
    """
    number, biased = number_of(activation), RECURRENT[activation].biased
    constant = dtype(RECURRENT[activation].constant)
    single, version = dtype == np.float32, KERNEL_VERSION

    @cfunc(signature(BACKWARD), **FAST_KERNEL)
    def recurrence_grad_real(address):
        given = carray(address, 1)[0]
        states_bar, W, last_bar, mask = given.states_bar, given.W, given.last_bar, given.mask
        states, h0, drive_bar, h0_bar = given.states, given.h0, given.drive_bar, given.h0_bar
        W_bar = given.W_bar
        T, B, n, first, masked = given.T, given.B, given.n, given.first, given.masked != 0
        from_states, from_last = given.from_states != 0, given.from_last != 0
        rows = given.last - first
        bias_bar, bias_step = carray_at(given.bias_bar, n, np.float64), np.zeros(n, dtype)
        integers, scalars = sizes_of(rows, n), scalars_of(bias_step.dtype)
        i, s = integers.ctypes.data, scalars.ctypes.data
        zero = scalars[0]
        row, size = n * bias_step.itemsize, rows * n
        carried = np.zeros(size if masked else 0, dtype)
        start = carray_at(h0_bar + first * row, size, dtype)
        if from_last:
            copy(carray_at(last_bar + first * row, size, dtype), start)
        else:
            clear(start)
        after = 0
        for t in range(T - 1, -1, -1):
            here = (t * B + first) * row
            z = drive_bar + here
            block = carray_at(z, size, dtype)
            if from_states and states_bar != drive_bar:
                copy(carray_at(states_bar + here, size, dtype), block)
            if after != 0:
                times_transposed(single, from_states, after, W, z, i, s)
            elif from_states:
                add(block, start, block)
            else:
                copy(start, block)
            taken = carray_at(mask + t * B + first, rows if masked else 0, np.uint8)
            if masked:
                pass_masked_rows(taken, block, carried, zero)
            for r in range(rows):
                if masked and taken[r] == 0:
                    continue
                x = carray_at(z + r * row, n, dtype)
                h = carray_at(states + here + r * row, n, dtype)
                for j in range(n):
                    x[j] = slope(number, h[j], x[j], zero, constant)
                if biased:
                    for j in range(n):
                        bias_step[j] += -x[j] if h[j] < zero else x[j]
            if biased:
                add_and_clear(bias_bar, bias_step)
            before = states + here - B * row if t > 0 else h0 + first * row
            add_gram(single, before, z, W_bar, i, s)
            after = z
        if after != 0:
            times_transposed(single, False, after, W, h0_bar + first * row, i, s)
        if masked:
            add(start, carried, start)
        # See `forward_kernel`.
        given.alive = integers.size + scalars.size + version

    return recurrence_grad_real
