"""Kernels of the complex recurrence, on stacked storage: as the real ones, with three products.

A complex product by three real ones (Gauss): with P = h_re W_re, Q = h_im W_im and
R = (h_re + h_im)(W_re + W_im), h W = (P - Q) + i (R - P - Q). Likewise, with the signs that the
conjugates ask for, the adjoint product z_bar W^H and the gradient h^H z_bar. The error is of the
size of four products' (measured against float64, relative to the norm of the result).
"""

import numpy as np
from numba import carray, cfunc, njit

from unitarygraph.kernels.activations import number_of, slope, value
from unitarygraph.kernels.blas import (
    add_gram,
    carray_at,
    scalars_of,
    sizes_of,
    times,
    times_transposed,
)
from unitarygraph.kernels.options import FAST_INNER, FAST_KERNEL
from unitarygraph.kernels.recurrence_real import BACKWARD, FORWARD, signature
from unitarygraph.kernels.vectors import (
    add,
    add_and_clear,
    clear,
    copy,
    pass_masked_rows,
    subtract,
)
from unitarygraph.kernels.version import KERNEL_VERSION
from unitarygraph.ops.activations import MODRELU_EPS, RECURRENT


@njit(**FAST_INNER)
def add_product(x, y, p, q, r):
    """x + i y += h W, from its three real products."""
    for j in range(len(x)):
        x[j] += p[j] - q[j]
    for j in range(len(x)):
        y[j] += r[j] - p[j] - q[j]


@njit(**FAST_INNER)
def add_adjoint_product(x, y, p, q, r):
    """x + i y += z_bar W^H, p = Re z_bar W_re^T, q = Im z_bar W_im^T, r of sum and difference."""
    for j in range(len(x)):
        x[j] += p[j] + q[j]
    for j in range(len(x)):
        y[j] += r[j] - p[j] + q[j]


@njit(**FAST_INNER)
def modrelu(x, y, m, b, eps, zero):
    """Complex modReLU in place of z = x + i y, with its modulus m."""
    for j in range(len(x)):
        modulus = np.sqrt(x[j] * x[j] + y[j] * y[j] + eps)
        a = modulus + b[j]
        scale = zero if a <= zero else a / modulus
        x[j] *= scale
        y[j] *= scale
        m[j] = modulus


@njit(**FAST_INNER)
def modrelu_slope(x, y, h, k, m, b, e, zero):
    """z_bar in place of h_bar = x + i y, from the state h + i k and the modulus m; e is b_bar."""
    # z = h m / (m + b) turns s g - b/m^3 z Re(conj(z) g) into s g - b/m 1/(m + b) e h,
    # with s = (m + b)/m and e = Re(conj(z) g)/m = Re(conj(h) g)/(m + b).
    for j in range(len(x)):
        a = m[j] + b[j]
        e[j] = zero if a <= zero else (h[j] * x[j] + k[j] * y[j]) / a
    for j in range(len(x)):
        a = m[j] + b[j]
        g = (a * x[j] - b[j] / a * e[j] * h[j]) / m[j]
        x[j] = zero if a <= zero else g
    for j in range(len(x)):
        a = m[j] + b[j]
        g = (a * y[j] - b[j] / a * e[j] * k[j]) / m[j]
        y[j] = zero if a <= zero else g


def forward_kernel(dtype, activation):
    """Kernel of a `FORWARD`; W is [W_re, W_im, W_re + W_im]."""
    number, biased = number_of(activation), RECURRENT[activation].biased
    constant, eps = dtype(RECURRENT[activation].constant), dtype(MODRELU_EPS)
    single, version = dtype == np.float32, KERNEL_VERSION

    @cfunc(signature(FORWARD), **FAST_KERNEL)
    def recurrence_complex(address):
        given = carray(address, 1)[0]
        drive, W, h, mask, states = given.drive, given.W, given.h0, given.mask, given.states
        moduli = given.moduli
        T, B, n, first, masked = given.T, given.B, given.n, given.first, given.masked != 0
        rows = given.last - first
        bias = carray_at(given.bias, n if biased else 0, dtype)
        integers, scalars = sizes_of(rows, n), scalars_of(bias.dtype)
        i, s = integers.ctypes.data, scalars.ctypes.data
        zero = scalars[0]
        row, size = n * bias.itemsize, rows * n
        plane, matrix = B * row, n * row
        work = np.empty(4 * size, dtype)
        p, q, r, total = (
            work[:size],
            work[size : 2 * size],
            work[2 * size : 3 * size],
            work[3 * size :],
        )
        h += first * row
        add(carray_at(h, size, dtype), carray_at(h + plane, size, dtype), total)
        for t in range(T):
            here = (t * 2 * B + first) * row
            z = states + here
            x, y = carray_at(z, size, dtype), carray_at(z + plane, size, dtype)
            if drive != states:
                copy(carray_at(drive + here, size, dtype), x)
                copy(carray_at(drive + here + plane, size, dtype), y)
            times(single, False, h, W, p.ctypes.data, i, s)
            times(single, False, h + plane, W + matrix, q.ctypes.data, i, s)
            times(single, False, total.ctypes.data, W + 2 * matrix, r.ctypes.data, i, s)
            taken = carray_at(mask + t * B + first, rows if masked else 0, np.uint8)
            for k in range(rows):
                a, b = k * n, (k + 1) * n
                u, v = x[a:b], y[a:b]
                if masked and taken[k] == 0:
                    copy(carray_at(h + k * row, n, dtype), u)
                    copy(carray_at(h + plane + k * row, n, dtype), v)
                    continue
                add_product(u, v, p[a:b], q[a:b], r[a:b])
                if biased:
                    modulus = carray_at(moduli + (t * B + first + k) * row, n, dtype)
                    modrelu(u, v, modulus, bias, eps, zero)
                else:
                    for j in range(n):
                        u[j] = value(number, u[j], zero, zero, constant)
                        v[j] = value(number, v[j], zero, zero, constant)
            add(x, y, total)
            h = z
        # See the real one's.
        given.alive = integers.size + scalars.size + work.size + version

    return recurrence_complex


def backward_kernel(dtype, activation):
    """Kernel of a `BACKWARD`.

    W is [W_re, W_im, W_re - W_im]; W_bar [P, Q, R] ``(3, n, n)``, sums of h_re^T z_re, h_im^T z_im
    and (h_re - h_im)^T (z_re + z_im): the gradient is (P + Q) + i (R - P + Q).
    """
    number, biased = number_of(activation), RECURRENT[activation].biased
    constant = dtype(RECURRENT[activation].constant)
    single, version = dtype == np.float32, KERNEL_VERSION

    @cfunc(signature(BACKWARD), **FAST_KERNEL)
    def recurrence_grad_complex(address):
        given = carray(address, 1)[0]
        states_bar, W, last_bar, mask = given.states_bar, given.W, given.last_bar, given.mask
        states, h0, drive_bar, h0_bar = given.states, given.h0, given.drive_bar, given.h0_bar
        moduli, W_bar = given.moduli, given.W_bar
        T, B, n, first, masked = given.T, given.B, given.n, given.first, given.masked != 0
        from_states, from_last = given.from_states != 0, given.from_last != 0
        rows = given.last - first
        bias = carray_at(given.bias, n if biased else 0, dtype)
        bias_bar, bias_step = carray_at(given.bias_bar, n, np.float64), np.zeros(n, dtype)
        integers, scalars = sizes_of(rows, n), scalars_of(bias.dtype)
        i, s = integers.ctypes.data, scalars.ctypes.data
        zero = scalars[0]
        row, size = n * bias.itemsize, rows * n
        plane, matrix = B * row, n * row
        carried = np.zeros(2 * size if masked else 0, dtype)
        work, e = np.empty(5 * size, dtype), np.empty(n, dtype)
        p, q, r = work[:size], work[size : 2 * size], work[2 * size : 3 * size]
        total, difference = work[3 * size : 4 * size], work[4 * size :]
        start = h0_bar + first * row
        start_re, start_im = carray_at(start, size, dtype), carray_at(start + plane, size, dtype)
        if from_last:
            final = last_bar + first * row
            copy(carray_at(final, size, dtype), start_re)
            copy(carray_at(final + plane, size, dtype), start_im)
        else:
            clear(start_re)
            clear(start_im)
        for t in range(T - 1, -1, -1):
            here = (t * 2 * B + first) * row
            z, h = drive_bar + here, states + here
            x, y = carray_at(z, size, dtype), carray_at(z + plane, size, dtype)
            if not from_states:
                clear(x)
                clear(y)
            elif states_bar != drive_bar:
                copy(carray_at(states_bar + here, size, dtype), x)
                copy(carray_at(states_bar + here + plane, size, dtype), y)
            if t == T - 1:
                add(x, start_re, x)
                add(y, start_im, y)
            else:
                add_adjoint_product(x, y, p, q, r)
            taken = carray_at(mask + t * B + first, rows if masked else 0, np.uint8)
            if masked:
                pass_masked_rows(taken, x, carried[:size], zero)
                pass_masked_rows(taken, y, carried[size:], zero)
            for k in range(rows):
                if masked and taken[k] == 0:
                    continue
                u, v = x[k * n : (k + 1) * n], y[k * n : (k + 1) * n]
                h_re = carray_at(h + k * row, n, dtype)
                h_im = carray_at(h + plane + k * row, n, dtype)
                if biased:
                    modulus = carray_at(moduli + (t * B + first + k) * row, n, dtype)
                    modrelu_slope(u, v, h_re, h_im, modulus, bias, e, zero)
                    add(bias_step, e, bias_step)
                else:
                    for j in range(n):
                        u[j] = slope(number, h_re[j], u[j], zero, constant)
                        v[j] = slope(number, h_im[j], v[j], zero, constant)
            if biased:
                add_and_clear(bias_bar, bias_step)
            before = h - 2 * plane if t > 0 else h0 + first * row
            before_re = carray_at(before, size, dtype)
            subtract(before_re, carray_at(before + plane, size, dtype), difference)
            add(x, y, total)
            add_gram(single, before, z, W_bar, i, s)
            add_gram(single, before + plane, z + plane, W_bar + matrix, i, s)
            add_gram(single, difference.ctypes.data, total.ctypes.data, W_bar + 2 * matrix, i, s)
            times_transposed(single, False, z, W, p.ctypes.data, i, s)
            times_transposed(single, False, z + plane, W + matrix, q.ctypes.data, i, s)
            times_transposed(single, False, total.ctypes.data, W + 2 * matrix, r.ctypes.data, i, s)
        if T > 0:
            clear(start_re)
            clear(start_im)
            add_adjoint_product(start_re, start_im, p, q, r)
        if masked:
            add(start_re, carried[:size], start_re)
            add(start_im, carried[size:], start_im)
        # See the real one's.
        given.alive = integers.size + scalars.size + work.size + version

    return recurrence_grad_complex
