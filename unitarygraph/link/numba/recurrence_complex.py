"""Kernels of the complex recurrence, on stacked storage: as the real ones, with three products.

A complex product by three real ones (Gauss): with P = h_re W_re, Q = h_im W_im and
R = (h_re + h_im)(W_re + W_im), h W = (P - Q) + i (R - P - Q). Likewise, with the signs that the
conjugates ask for, the adjoint product z_bar W^H and the gradient h^H z_bar. The error is of the
size of four products' (measured against float64, relative to the norm of the result).
"""

import numpy as np
from numba import carray, cfunc, njit

from unitarygraph.link.numba.blas import (
    add_gram,
    array_at,
    scalars_of,
    sizes_of,
    times,
    times_transposed,
)
from unitarygraph.link.numba.cache import CACHE_VERSION
from unitarygraph.link.numba.recurrence_real import (
    CODES,
    OPTIONS,
    TABLE,
    activate,
    add,
    clear,
    copy,
    gather,
    hold,
    slope,
)
from unitarygraph.ops.activations import LEAKY_SLOPE, MODRELU_EPS


@njit(**OPTIONS)
def subtract(x, y, z):
    """z = x - y."""
    for j in range(len(x)):
        z[j] = x[j] - y[j]


@njit(**OPTIONS)
def add_product(x, y, p, q, r):
    """x + i y += h W, from its three real products."""
    for j in range(len(x)):
        x[j] += p[j] - q[j]
    for j in range(len(x)):
        y[j] += r[j] - p[j] - q[j]


@njit(**OPTIONS)
def add_adjoint_product(x, y, p, q, r):
    """x + i y += z_bar W^H, p = Re z_bar W_re^T, q = Im z_bar W_im^T, r of sum and difference."""
    for j in range(len(x)):
        x[j] += p[j] + q[j]
    for j in range(len(x)):
        y[j] += r[j] - p[j] + q[j]


@njit(**OPTIONS)
def modrelu(x, y, m, b, eps, zero):
    """Complex modReLU in place of z = x + i y, with its modulus m."""
    for j in range(len(x)):
        modulus = np.sqrt(x[j] * x[j] + y[j] * y[j] + eps)
        a = modulus + b[j]
        scale = zero if a <= zero else a / modulus
        x[j] *= scale
        y[j] *= scale
        m[j] = modulus


@njit(**OPTIONS)
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
    """Kernel of the same table as the real one; W is [W_re, W_im, W_re + W_im]."""
    code, single, version = CODES[activation], dtype == np.float32, CACHE_VERSION

    @cfunc(TABLE, cache=True, **OPTIONS)
    def recurrence_complex(table):
        at = carray(table, 13)
        drive, W, h, mask, states, moduli = at[0], at[1], at[2], at[4], at[5], at[6]
        T, B, n, first, last, masked = at[7], at[8], at[9], at[10], at[11], at[12] != 0
        rows = last - first
        bias = array_at(at[3], n if code == 0 else 0, dtype)
        integers, scalars = sizes_of(rows, n), scalars_of(bias.dtype)
        i, s = integers.ctypes.data, scalars.ctypes.data
        zero, eps = scalars[0], dtype(MODRELU_EPS)
        c = dtype(LEAKY_SLOPE) if code == 4 else scalars[1]
        row, size = n * bias.itemsize, rows * n
        plane, matrix = B * row, n * row
        work = np.empty(4 * size, dtype)
        p, q, r, both = (
            work[:size],
            work[size : 2 * size],
            work[2 * size : 3 * size],
            work[3 * size :],
        )
        h += first * row
        add(array_at(h, size, dtype), array_at(h + plane, size, dtype), both)
        for t in range(T):
            here = (t * 2 * B + first) * row
            z = states + here
            x, y = array_at(z, size, dtype), array_at(z + plane, size, dtype)
            if drive != states:
                copy(array_at(drive + here, size, dtype), x)
                copy(array_at(drive + here + plane, size, dtype), y)
            times(single, False, h, W, p.ctypes.data, i, s)
            times(single, False, h + plane, W + matrix, q.ctypes.data, i, s)
            times(single, False, both.ctypes.data, W + 2 * matrix, r.ctypes.data, i, s)
            keep = array_at(mask + t * B + first, rows if masked else 0, np.uint8)
            for k in range(rows):
                a, b = k * n, (k + 1) * n
                u, v = x[a:b], y[a:b]
                if masked and keep[k] == 0:
                    copy(array_at(h + k * row, n, dtype), u)
                    copy(array_at(h + plane + k * row, n, dtype), v)
                    continue
                add_product(u, v, p[a:b], q[a:b], r[a:b])
                if code == 0:
                    modulus = array_at(moduli + (t * B + first + k) * row, n, dtype)
                    modrelu(u, v, modulus, bias, eps, zero)
                else:
                    for j in range(n):
                        u[j] = activate(code, u[j], zero, zero, c)
                        v[j] = activate(code, v[j], zero, zero, c)
            add(x, y, both)
            h = z
        # Read once more: the tables must live until here, the version must be in the cache's key.
        at[12] = integers.size + scalars.size + work.size + version

    return recurrence_complex


def backward_kernel(dtype, activation):
    """Kernel of the same table as the real one.

    W is [W_re, W_im, W_re - W_im]; W_bar [P, Q, R] ``(3, n, n)``, sums of h_re^T z_re, h_im^T z_im
    and (h_re - h_im)^T (z_re + z_im): the gradient is (P + Q) + i (R - P + Q).
    """
    code, single, version = CODES[activation], dtype == np.float32, CACHE_VERSION

    @cfunc(TABLE, cache=True, **OPTIONS)
    def recurrence_grad_complex(table):
        at = carray(table, 20)
        states_bar, W, last_bar, mask, states, moduli = at[0], at[1], at[2], at[4], at[5], at[6]
        h0, drive_bar, W_bar, h0_bar = at[7], at[8], at[9], at[10]
        T, B, n, first, last = at[12], at[13], at[14], at[15], at[16]
        masked, from_states, from_last = at[17] != 0, at[18] != 0, at[19] != 0
        rows = last - first
        bias = array_at(at[3], n if code == 0 else 0, dtype)
        bias_bar, bias_step = array_at(at[11], n, np.float64), np.zeros(n, dtype)
        integers, scalars = sizes_of(rows, n), scalars_of(bias.dtype)
        i, s = integers.ctypes.data, scalars.ctypes.data
        zero, c = scalars[0], dtype(LEAKY_SLOPE) if code == 4 else scalars[1]
        row, size = n * bias.itemsize, rows * n
        plane, matrix = B * row, n * row
        carried = np.zeros(2 * size if masked else 0, dtype)
        work, e = np.empty(5 * size, dtype), np.empty(n, dtype)
        p, q, r = work[:size], work[size : 2 * size], work[2 * size : 3 * size]
        both, apart = work[3 * size : 4 * size], work[4 * size :]
        start = h0_bar + first * row
        start_re, start_im = array_at(start, size, dtype), array_at(start + plane, size, dtype)
        if from_last:
            final = last_bar + first * row
            copy(array_at(final, size, dtype), start_re)
            copy(array_at(final + plane, size, dtype), start_im)
        else:
            clear(start_re)
            clear(start_im)
        for t in range(T - 1, -1, -1):
            here = (t * 2 * B + first) * row
            z, h = drive_bar + here, states + here
            x, y = array_at(z, size, dtype), array_at(z + plane, size, dtype)
            if not from_states:
                clear(x)
                clear(y)
            elif states_bar != drive_bar:
                copy(array_at(states_bar + here, size, dtype), x)
                copy(array_at(states_bar + here + plane, size, dtype), y)
            if t == T - 1:
                add(x, start_re, x)
                add(y, start_im, y)
            else:
                add_adjoint_product(x, y, p, q, r)
            keep = array_at(mask + t * B + first, rows if masked else 0, np.uint8)
            if masked:
                hold(keep, x, carried[:size], zero)
                hold(keep, y, carried[size:], zero)
            for k in range(rows):
                if masked and keep[k] == 0:
                    continue
                u, v = x[k * n : (k + 1) * n], y[k * n : (k + 1) * n]
                h_re = array_at(h + k * row, n, dtype)
                h_im = array_at(h + plane + k * row, n, dtype)
                if code == 0:
                    modulus = array_at(moduli + (t * B + first + k) * row, n, dtype)
                    modrelu_slope(u, v, h_re, h_im, modulus, bias, e, zero)
                    add(bias_step, e, bias_step)
                else:
                    for j in range(n):
                        u[j] = slope(code, h_re[j], u[j], zero, c)
                        v[j] = slope(code, h_im[j], v[j], zero, c)
            if code == 0:
                gather(bias_bar, bias_step)
            before = h - 2 * plane if t > 0 else h0 + first * row
            before_re = array_at(before, size, dtype)
            subtract(before_re, array_at(before + plane, size, dtype), apart)
            add(x, y, both)
            add_gram(single, before, z, W_bar, i, s)
            add_gram(single, before + plane, z + plane, W_bar + matrix, i, s)
            add_gram(single, apart.ctypes.data, both.ctypes.data, W_bar + 2 * matrix, i, s)
            times_transposed(single, False, z, W, p.ctypes.data, i, s)
            times_transposed(single, False, z + plane, W + matrix, q.ctypes.data, i, s)
            times_transposed(single, False, both.ctypes.data, W + 2 * matrix, r.ctypes.data, i, s)
        if T > 0:
            clear(start_re)
            clear(start_im)
            add_adjoint_product(start_re, start_im, p, q, r)
        if masked:
            add(start_re, carried[:size], start_re)
            add(start_im, carried[size:], start_im)
        # Read once more: the tables must live until here, the version must be in the cache's key.
        at[19] = integers.size + scalars.size + work.size + version

    return recurrence_grad_complex
