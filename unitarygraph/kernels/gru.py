"""Kernels of the recurrences with two gates around a candidate: rows of the batch through all steps.

A step makes the gates r and z in one product and turns the state, weighed by r, in another; both
accumulate onto the drive. As the kernels of `unitarygraph.kernels.lstm` otherwise.
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
from unitarygraph.kernels.gated_rows import (
    add_scaled,
    factor_slope,
    mix,
    mix_slope,
    scale,
    sigmoid_of_sum,
    tanh_of_sum,
    tanh_slope,
)
from unitarygraph.kernels.lstm import BACKWARD, FORWARD
from unitarygraph.kernels.recurrence_real import signature
from unitarygraph.kernels.vectors import OPTIONS, add, add_and_clear, clear, copy
from unitarygraph.kernels.version import KERNEL_VERSION


def forward_kernel(dtype):
    """Kernel of a `FORWARD`; ``gates`` may be ``drive``, and there is no memory."""
    single, version = dtype == np.float32, KERNEL_VERSION

    @cfunc(signature(FORWARD), cache=True, **OPTIONS)
    def gru(address):
        given = carray(address, 1)[0]
        T, B, n, first, masked = given.T, given.B, given.n, given.first, given.masked != 0
        rows, two, width = given.last - first, 2 * given.n, 3 * given.n
        bias, turned = carray_at(given.bias, width, dtype), np.empty(rows * n, dtype)
        table, scalars = table_of_product(), scalars_of(bias.dtype)
        s, one = scalars.ctypes.data, scalars[1]
        row = n * bias.itemsize
        h = given.h0 + first * row
        for t in range(T):
            here = t * B + first
            x, new = given.gates + here * 3 * row, given.states + here * row
            if given.drive != given.gates:
                copy(
                    carray_at(given.drive + here * 3 * row, rows * width, dtype),
                    carray_at(x, rows * width, dtype),
                )
            sizes = rows, two, n
            product(single, PLAIN, True, sizes, h, n, given.W, two, x, width, table, s)
            for k in range(rows):
                x_row = carray_at(x + 3 * k * row, width, dtype)
                sigmoid_of_sum(x_row[:two], bias[:two])
                scale(x_row[:n], carray_at(h + k * row, n, dtype), turned[k * n : (k + 1) * n])
            sizes = rows, n, n
            product(
                single, PLAIN, True, sizes,
                turned.ctypes.data, n, given.U, n, x + 2 * row, width, table, s,
            )  # fmt: skip
            taken = carray_at(given.mask + here, rows if masked else 0, np.uint8)
            for k in range(rows):
                x_row = carray_at(x + 3 * k * row, width, dtype)
                h_row, new_row = (
                    carray_at(h + k * row, n, dtype),
                    carray_at(new + k * row, n, dtype),
                )
                if masked and taken[k] == 0:
                    copy(h_row, new_row)
                    continue
                tanh_of_sum(x_row[two:], bias[two:])
                mix(x_row[n:two], h_row, x_row[two:], new_row, one)
            h = new
        # See `unitarygraph.kernels.lstm.forward_kernel`.
        given.alive = table.size + scalars.size + turned.size + version

    return gru


def backward_kernel(dtype):
    """Kernel of a `BACKWARD`; ``drive_bar`` may be ``gates``.

    ``W_bar``, ``U_bar`` and ``bias_bar``, in double, are this call's own, zero at the start.
    """
    single, version = dtype == np.float32, KERNEL_VERSION

    @cfunc(signature(BACKWARD), cache=True, **OPTIONS)
    def gru_grad(address):
        given = carray(address, 1)[0]
        T, B, n, first, masked = given.T, given.B, given.n, given.first, given.masked != 0
        rows, two, width = given.last - first, 2 * given.n, 3 * given.n
        bias_bar, bias_step = carray_at(given.bias_bar, width, np.float64), np.zeros(width, dtype)
        # Of a step: r h, its cotangent, and of a row those of the gates and the candidate.
        turned, turned_bar = np.empty(rows * n, dtype), np.empty(rows * n, dtype)
        x_bar = np.empty(width, dtype)
        table, scalars = table_of_product(), scalars_of(x_bar.dtype)
        s, one = scalars.ctypes.data, scalars[1]
        row = n * x_bar.itemsize
        through = given.h0_bar + first * row
        h_bar = carray_at(through, rows * n, dtype)
        clear(h_bar)
        for t in range(T - 1, -1, -1):
            here = t * B + first
            x, z = given.gates + here * 3 * row, given.drive_bar + here * 3 * row
            h = given.states + (here - B) * row if t > 0 else given.h0 + first * row
            add(carray_at(given.states_bar + here * row, rows * n, dtype), h_bar, h_bar)
            taken = carray_at(given.mask + here, rows if masked else 0, np.uint8)
            for k in range(rows):
                a, b = k * n, (k + 1) * n
                z_row = carray_at(z + 3 * k * row, width, dtype)
                if masked and taken[k] == 0:
                    clear(z_row)
                    clear(turned[a:b])
                    continue
                x_row = carray_at(x + 3 * k * row, width, dtype)
                h_row = carray_at(h + k * row, n, dtype)
                mix_slope(
                    x_row[n:two], h_row, x_row[two:], h_bar[a:b], x_bar[n:two], x_bar[two:], one
                )
                tanh_slope(x_row[two:], x_bar[two:], one)
                scale(x_row[:n], h_row, turned[a:b])
                # r stays until the product below is there.
                copy(x_row[:n], x_bar[:n])
                copy(x_bar, z_row)
            sizes = rows, n, n
            product(
                single, RIGHT_TRANSPOSED, False, sizes,
                z + 2 * row, width, given.U, n, turned_bar.ctypes.data, n, table, s,
            )  # fmt: skip
            sizes = n, n, rows
            product(
                single, LEFT_TRANSPOSED, True, sizes,
                turned.ctypes.data, n, z + 2 * row, width, given.U_bar, n, table, s,
            )  # fmt: skip
            for k in range(rows):
                if masked and taken[k] == 0:
                    continue
                a, b = k * n, (k + 1) * n
                z_row = carray_at(z + 3 * k * row, width, dtype)
                add_scaled(z_row[:n], turned_bar[a:b], h_bar[a:b])
                factor_slope(
                    z_row[:n], carray_at(h + k * row, n, dtype), turned_bar[a:b], x_bar[:n], one
                )
                copy(x_bar[:n], z_row[:n])
                add(bias_step, z_row, bias_step)
            add_and_clear(bias_bar, bias_step)
            sizes = n, two, rows
            product(
                single, LEFT_TRANSPOSED, True, sizes,
                h, n, z, width, given.W_bar, two, table, s,
            )  # fmt: skip
            sizes = rows, n, two
            product(
                single, RIGHT_TRANSPOSED, True, sizes,
                z, width, given.W, two, through, n, table, s,
            )  # fmt: skip
        # See `unitarygraph.kernels.lstm.forward_kernel`.
        given.alive = table.size + scalars.size + turned.size + turned_bar.size + version

    return gru_grad
