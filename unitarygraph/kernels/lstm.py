"""Kernels of the LSTM: rows of the batch through all time steps, one product a step.

As those of `unitarygraph.kernels.recurrence_real`; the products are with the weights of all four gates
at once, and accumulate onto the drive.
"""

import numpy as np
from numba import carray, cfunc

from unitarygraph.kernels.blas import (
    LEFT_TRANSPOSED,
    PLAIN,
    RIGHT_TRANSPOSED,
    carray_at,
    product,
    scalars_of,
    table_of_product,
)
from unitarygraph.kernels.gated_rows import lstm_row, lstm_slope_row
from unitarygraph.kernels.options import FAST_KERNEL
from unitarygraph.kernels.records import record_type
from unitarygraph.kernels.recurrence_real import signature
from unitarygraph.kernels.vectors import add, add_and_clear, clear, copy
from unitarygraph.kernels.version import KERNEL_VERSION

# Addresses of arrays, sizes, flags, of all gated recurrences; the complex unit's activation by number;
# `alive` is written at the end.
FORWARD = record_type(
    *("drive", "W", "U", "bias", "offset", "h0", "c0", "mask", "states", "gates", "memory"),
    *("T", "B", "n", "first", "last", "masked", "activation", "alive"),
)
BACKWARD = record_type(
    *("W", "U", "bias", "offset", "h0", "c0", "mask", "states", "gates", "memory", "states_bar"),
    *("drive_bar", "W_bar", "U_bar", "bias_bar", "offset_bar", "h0_bar", "c0_bar"),
    *("T", "B", "n", "first", "last", "masked", "activation", "alive"),
)


def forward_kernel(dtype):
    """Kernel of a `FORWARD`; ``gates`` may be ``drive``, ``memory`` are the cells."""
    single, version = dtype == np.float32, KERNEL_VERSION

    @cfunc(signature(FORWARD), **FAST_KERNEL)
    def lstm(address):
        given = carray(address, 1)[0]
        T, B, n, first, masked = given.T, given.B, given.n, given.first, given.masked != 0
        rows, width = given.last - first, 4 * given.n
        bias = carray_at(given.bias, width, dtype)
        table, scalars = table_of_product(), scalars_of(bias.dtype)
        s, row = scalars.ctypes.data, n * bias.itemsize
        h, c = given.h0 + first * row, given.c0 + first * row
        for t in range(T):
            here = t * B + first
            x = given.gates + here * 4 * row
            if given.drive != given.gates:
                copy(
                    carray_at(given.drive + here * 4 * row, rows * width, dtype),
                    carray_at(x, rows * width, dtype),
                )
            sizes = rows, width, n
            product(single, PLAIN, True, sizes, h, n, given.W, width, x, width, table, s)
            taken = carray_at(given.mask + here, rows if masked else 0, np.uint8)
            h_new, c_new = given.states + here * row, given.memory + here * row
            for r in range(rows):
                k = r * row
                h_row, c_row = carray_at(h_new + k, n, dtype), carray_at(c_new + k, n, dtype)
                c_before = carray_at(c + k, n, dtype)
                if masked and taken[r] == 0:
                    copy(carray_at(h + k, n, dtype), h_row)
                    copy(c_before, c_row)
                else:
                    lstm_row(carray_at(x + 4 * k, width, dtype), bias, c_before, c_row, h_row)
            h, c = h_new, c_new
        # The arrays that BLAS reads by address must live until here; and numba's key for its cache on
        # disk holds what a kernel reads, so the version must be read.
        given.alive = table.size + scalars.size + version

    return lstm


def backward_kernel(dtype):
    """Kernel of a `BACKWARD`; ``drive_bar`` may be ``gates``.

    ``W_bar`` and ``bias_bar``, in double, are this call's own, zero at the start.
    """
    single, version = dtype == np.float32, KERNEL_VERSION

    @cfunc(signature(BACKWARD), **FAST_KERNEL)
    def lstm_grad(address):
        given = carray(address, 1)[0]
        T, B, n, first, masked = given.T, given.B, given.n, given.first, given.masked != 0
        rows, width = given.last - first, 4 * given.n
        bias_bar, bias_step = carray_at(given.bias_bar, width, np.float64), np.zeros(width, dtype)
        x_bar = np.empty(width, dtype)
        table, scalars = table_of_product(), scalars_of(x_bar.dtype)
        s, row, one = scalars.ctypes.data, n * x_bar.itemsize, scalars[1]
        h0, c0 = given.h0 + first * row, given.c0 + first * row
        through, carried = given.h0_bar + first * row, given.c0_bar + first * row
        h_bar, c_bar = carray_at(through, rows * n, dtype), carray_at(carried, rows * n, dtype)
        clear(h_bar)
        clear(c_bar)
        for t in range(T - 1, -1, -1):
            here = t * B + first
            x, z = given.gates + here * 4 * row, given.drive_bar + here * 4 * row
            add(carray_at(given.states_bar + here * row, rows * n, dtype), h_bar, h_bar)
            h = given.states + (here - B) * row if t > 0 else h0
            c_before = given.memory + (here - B) * row if t > 0 else c0
            c = given.memory + here * row
            taken = carray_at(given.mask + here, rows if masked else 0, np.uint8)
            for r in range(rows):
                k = r * row
                z_row = carray_at(z + 4 * k, width, dtype)
                if masked and taken[r] == 0:
                    clear(z_row)
                    continue
                lstm_slope_row(
                    carray_at(x + 4 * k, width, dtype),
                    carray_at(c_before + k, n, dtype),
                    carray_at(c + k, n, dtype),
                    h_bar[r * n : (r + 1) * n],
                    c_bar[r * n : (r + 1) * n],
                    x_bar,
                    one,
                )
                copy(x_bar, z_row)
                add(bias_step, x_bar, bias_step)
            add_and_clear(bias_bar, bias_step)
            sizes = n, width, rows
            product(
                single, LEFT_TRANSPOSED, True, sizes, h, n, z, width, given.W_bar, width, table, s
            )
            sizes = rows, n, width
            product(
                single,
                RIGHT_TRANSPOSED,
                True,
                sizes,
                z,
                width,
                given.W,
                width,
                through,
                n,
                table,
                s,
            )
        # See `forward_kernel`.
        given.alive = table.size + scalars.size + version

    return lstm_grad
