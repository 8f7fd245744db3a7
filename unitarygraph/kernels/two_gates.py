"""Kernels of the recurrences with two gates around a candidate: rows of the batch through all steps.

A step makes the gates r and z of the state by W and turns the state by U: a GRU's and the complex
unit's weighed by r before, the GORU's after. The products accumulate onto the drive. As the kernels of
`unitarygraph.kernels.lstm` otherwise. A state has n or, complex, 2n entries, its planes side by side.
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
from unitarygraph.kernels.complex_activations import (
    HIROSE,
    MODRELU,
    complex_slope,
    complex_value,
    constants_of,
)
from unitarygraph.kernels.gated_rows import (
    add_scaled,
    factor_slope,
    mix,
    mix_slope,
    modrelu_of_sum,
    modrelu_slope,
    scale,
    sigmoid_of_sum,
    tanh_of_sum,
    tanh_slope,
)
from unitarygraph.kernels.lstm import BACKWARD, FORWARD
from unitarygraph.kernels.options import FAST_KERNEL
from unitarygraph.kernels.recurrence_real import signature
from unitarygraph.kernels.vectors import add, add_and_clear, clear, copy
from unitarygraph.kernels.version import KERNEL_VERSION


def forward_kernel(dtype, cell):
    """Kernel of a `FORWARD`; ``gates`` may be ``drive``.

    The gates' last blocks are the candidate, of the complex unit before its activation; the GORU's
    memory is h U.
    """
    single, version = dtype == np.float32, KERNEL_VERSION
    goru, cgrnn = cell == "goru", cell == "cgrnn"
    planes, k = (2 if cgrnn else 1), constants_of(dtype)

    @cfunc(signature(FORWARD), **FAST_KERNEL)
    def two_gates(address):
        given = carray(address, 1)[0]
        T, B, n, first, masked = given.T, given.B, given.n, given.first, given.masked != 0
        rows, two, state, width = given.last - first, 2 * n, planes * n, (2 + planes) * n
        number = given.activation
        bias, offset = carray_at(given.bias, width, dtype), carray_at(given.offset, n, dtype)
        turned, f, work = np.empty(rows * state, dtype), np.empty(state, dtype), np.empty(n, dtype)
        table, scalars = table_of_product(), scalars_of(bias.dtype)
        s, zero, one = scalars.ctypes.data, scalars[0], scalars[1]
        item = bias.itemsize
        h = given.h0 + first * state * item
        for t in range(T):
            here = t * B + first
            x, new = given.gates + here * width * item, given.states + here * state * item
            memory = given.memory + here * n * item
            if given.drive != given.gates:
                copy(
                    carray_at(given.drive + here * width * item, rows * width, dtype),
                    carray_at(x, rows * width, dtype),
                )
            sizes = rows, two, state
            product(single, PLAIN, True, sizes, h, state, given.W, two, x, width, table, s)
            sizes = rows, state, state
            if goru:
                product(single, PLAIN, False, sizes, h, n, given.U, n, memory, n, table, s)
            for i in range(rows):
                x_row = carray_at(x + i * width * item, width, dtype)
                sigmoid_of_sum(x_row[:two], bias[:two])
                if not goru:
                    h_row = carray_at(h + i * state * item, state, dtype)
                    scale(x_row[:n], h_row, turned[i * state : (i + 1) * state])
            if not goru:
                place = turned.ctypes.data
                product(
                    single, PLAIN, True, sizes,
                    place, state, given.U, state, x + two * item, width, table, s,
                )  # fmt: skip
            taken = carray_at(given.mask + here, rows if masked else 0, np.uint8)
            for i in range(rows):
                x_row = carray_at(x + i * width * item, width, dtype)
                h_row = carray_at(h + i * state * item, state, dtype)
                new_row = carray_at(new + i * state * item, state, dtype)
                if masked and taken[i] == 0:
                    copy(h_row, new_row)
                    continue
                z, candidate = x_row[n:two], x_row[two:]
                if cgrnn:
                    add(candidate, bias[two:], candidate)
                    complex_value(number, candidate, offset, work, f, k)
                    mix(z, f, h_row, new_row, one)
                    continue
                if goru:
                    add_scaled(x_row[:n], carray_at(memory + i * n * item, n, dtype), candidate)
                    modrelu_of_sum(candidate, bias[two:], offset, zero)
                else:
                    tanh_of_sum(candidate, bias[two:])
                mix(z, h_row, candidate, new_row, one)
            h = new
        # See `unitarygraph.kernels.lstm.forward_kernel`.
        given.alive = table.size + scalars.size + turned.size + version

    return two_gates


def backward_kernel(dtype, cell):
    """Kernel of a `BACKWARD`; ``drive_bar`` may be ``gates``.

    ``W_bar``, ``U_bar``, and in double ``bias_bar`` and ``offset_bar`` are this call's own, zero at the
    start.
    """
    single, version = dtype == np.float32, KERNEL_VERSION
    goru, cgrnn = cell == "goru", cell == "cgrnn"
    planes, k = (2 if cgrnn else 1), constants_of(dtype)

    @cfunc(signature(BACKWARD), **FAST_KERNEL)
    def two_gates_grad(address):
        given = carray(address, 1)[0]
        T, B, n, first, masked = given.T, given.B, given.n, given.first, given.masked != 0
        rows, two, state, width = given.last - first, 2 * n, planes * n, (2 + planes) * n
        number = given.activation
        offset_read = goru or number in (MODRELU, HIROSE)
        bias_bar, bias_step = carray_at(given.bias_bar, width, np.float64), np.zeros(width, dtype)
        offset = carray_at(given.offset, n, dtype)
        offset_bar, offset_step = carray_at(given.offset_bar, n, np.float64), np.zeros(n, dtype)
        # Of a step: what met U, and the cotangent of r h (the GORU's of h U); of a row the cotangents
        # of the gates and the candidate.
        turned, turned_bar = np.empty(rows * state, dtype), np.empty(rows * state, dtype)
        x_bar, f, work = np.empty(width, dtype), np.empty(state, dtype), np.zeros(n, dtype)
        table, scalars = table_of_product(), scalars_of(x_bar.dtype)
        s, zero, one = scalars.ctypes.data, scalars[0], scalars[1]
        item = x_bar.itemsize
        through = given.h0_bar + first * state * item
        h_bar = carray_at(through, rows * state, dtype)
        clear(h_bar)
        for t in range(T - 1, -1, -1):
            here = t * B + first
            x, z = given.gates + here * width * item, given.drive_bar + here * width * item
            memory = given.memory + here * n * item
            h = (
                given.states + (here - B) * state * item
                if t > 0
                else given.h0 + first * state * item
            )
            add(
                carray_at(given.states_bar + here * state * item, rows * state, dtype), h_bar, h_bar
            )
            taken = carray_at(given.mask + here, rows if masked else 0, np.uint8)
            for i in range(rows):
                a, b = i * state, (i + 1) * state
                z_row = carray_at(z + i * width * item, width, dtype)
                if masked and taken[i] == 0:
                    clear(z_row)
                    clear(turned[a:b])
                    continue
                x_row = carray_at(x + i * width * item, width, dtype)
                h_row = carray_at(h + i * state * item, state, dtype)
                r, keep, candidate = x_row[:n], x_row[n:two], x_row[two:]
                r_bar, keep_bar, bar = x_bar[:n], x_bar[n:two], x_bar[two:]
                if cgrnn:
                    # z weighs the new state, so f's cotangent comes where the others' h's does.
                    complex_value(number, candidate, offset, work, f, k)
                    mix_slope(keep, f, h_row, h_bar[a:b], keep_bar, bar, one)
                    complex_slope(number, candidate, offset, h_bar[a:b], work, k)
                    copy(h_bar[a:b], f)
                    copy(bar, h_bar[a:b])
                    copy(f, bar)
                else:
                    mix_slope(keep, h_row, candidate, h_bar[a:b], keep_bar, bar, one)
                    if goru:
                        modrelu_slope(candidate, bar, work, zero)
                    else:
                        tanh_slope(candidate, bar, one)
                if offset_read:
                    add(offset_step, work, offset_step)
                if goru:
                    memory_row = carray_at(memory + i * n * item, n, dtype)
                    scale(r, bar, turned[a:b])
                    factor_slope(r, memory_row, bar, r_bar, one)
                else:
                    # r stays until the product below is there.
                    scale(r, h_row, turned[a:b])
                    copy(r, r_bar)
                copy(x_bar, z_row)
            place, place_bar = turned.ctypes.data, turned_bar.ctypes.data
            if goru:
                sizes = rows, n, n
                product(
                    single, RIGHT_TRANSPOSED, True, sizes,
                    place, n, given.U, n, through, n, table, s,
                )  # fmt: skip
                sizes = n, n, rows
                product(
                    single, LEFT_TRANSPOSED, True, sizes,
                    h, n, place, n, given.U_bar, n, table, s,
                )  # fmt: skip
            else:
                sizes = rows, state, state
                product(
                    single, RIGHT_TRANSPOSED, False, sizes,
                    z + two * item, width, given.U, state, place_bar, state, table, s,
                )  # fmt: skip
                sizes = state, state, rows
                product(
                    single, LEFT_TRANSPOSED, True, sizes,
                    place, state, z + two * item, width, given.U_bar, state, table, s,
                )  # fmt: skip
            for i in range(rows):
                if masked and taken[i] == 0:
                    continue
                z_row = carray_at(z + i * width * item, width, dtype)
                if not goru:
                    a, b = i * state, (i + 1) * state
                    h_row = carray_at(h + i * state * item, state, dtype)
                    add_scaled(z_row[:n], turned_bar[a:b], h_bar[a:b])
                    factor_slope(z_row[:n], h_row, turned_bar[a:b], x_bar[:n], one)
                    copy(x_bar[:n], z_row[:n])
                add(bias_step, z_row, bias_step)
            add_and_clear(bias_bar, bias_step)
            if offset_read:
                add_and_clear(offset_bar, offset_step)
            sizes = state, two, rows
            product(
                single, LEFT_TRANSPOSED, True, sizes,
                h, state, z, width, given.W_bar, two, table, s,
            )  # fmt: skip
            sizes = rows, state, two
            product(
                single, RIGHT_TRANSPOSED, True, sizes,
                z, width, given.W, two, through, state, table, s,
            )  # fmt: skip
        # See `unitarygraph.kernels.lstm.forward_kernel`.
        given.alive = table.size + scalars.size + turned.size + turned_bar.size + version

    return two_gates_grad
