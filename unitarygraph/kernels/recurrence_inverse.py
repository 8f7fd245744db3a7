"""Kernels that run the states of a recurrence backward: h_{t-1} = (f^{-1}(h_t) - drive_t) W^H.

For a unitary W and an activation with an inverse; whether the result is good enough is the caller's
to see. As in the other kernels, rows [first, last) of the batch, C functions of one record.
"""

import numpy as np
from numba import carray, cfunc, njit

from unitarygraph.kernels.activations import inverse, number_of
from unitarygraph.kernels.blas import carray_at, scalars_of, sizes_of, times_transposed
from unitarygraph.kernels.options import FAST_INNER, FAST_KERNEL, INNER
from unitarygraph.kernels.records import record_type
from unitarygraph.kernels.recurrence_complex import add_adjoint_product
from unitarygraph.kernels.recurrence_real import signature
from unitarygraph.kernels.vectors import add, clear, copy, subtract
from unitarygraph.kernels.version import KERNEL_VERSION
from unitarygraph.ops.activations import MODRELU_EPS, RECURRENT

#: ``states`` holds the last of T states at the start and all at the end, ``before`` the state before
#: them; ``moduli`` are filled for the complex modReLU
INVERSE = record_type(
    *("drive", "W", "before", "bias", "mask", "states", "moduli"),
    *("T", "B", "n", "first", "last", "masked", "alive"),
)


@njit(**INNER)
def newton_steps(bias):
    """Newton steps for a modulus, whatever it is: measured, 3 for a bias of 1e-3, 13 for one of 1e3."""
    steps, reached = 4, 1e-3
    for b in bias:
        while b > reached and steps < 20:
            reached *= 10
            steps += 2
    return steps


@njit(**FAST_INNER)
def modrelu_inverse(x, y, m, b, size, steps, eps, root, one):
    """z in place of h = z (m + b) / m, m = sqrt(|z|^2 + eps) its modulus, for b >= 0; root^2 = eps.

    |z| = r solves r + b r / m(r) = |h|. The left side is concave, so that Newton's steps rise to r from
    any start below it, of which there are two: |h| - b, and |h| times the least slope at 0. ``size`` is
    for |h|, ``steps`` Newton's.
    """
    for j in range(len(x)):
        s = np.sqrt(x[j] * x[j] + y[j] * y[j])
        size[j] = s
        m[j] = max(s - b[j], s * root / (root + b[j]))
    for _ in range(steps):
        for j in range(len(x)):
            r = m[j]
            u = one / np.sqrt(r * r + eps)
            m[j] = r - (r + b[j] * r * u - size[j]) / (one + b[j] * eps * u * u * u)
    for j in range(len(x)):
        modulus = np.sqrt(m[j] * m[j] + eps)
        scale = modulus / (modulus + b[j])
        m[j] = modulus
        x[j] *= scale
        y[j] *= scale


def inverse_kernel_real(dtype, activation):
    """Kernel of an `INVERSE` in the real field."""
    number, biased = number_of(activation), RECURRENT[activation].biased
    constant = dtype(RECURRENT[activation].constant)
    single, version = dtype == np.float32, KERNEL_VERSION

    @cfunc(signature(INVERSE), **FAST_KERNEL)
    def recurrence_inverse_real(address):
        given = carray(address, 1)[0]
        drive, W, mask, states = given.drive, given.W, given.mask, given.states
        T, B, n, first, masked = given.T, given.B, given.n, given.first, given.masked != 0
        rows = given.last - first
        bias = carray_at(given.bias, n if biased else 0, dtype)
        integers, scalars = sizes_of(rows, n), scalars_of(bias.dtype)
        i, s = integers.ctypes.data, scalars.ctypes.data
        zero = scalars[0]
        row, size = n * bias.itemsize, rows * n
        z = np.empty(size, dtype)
        for t in range(T - 1, -1, -1):
            here = (t * B + first) * row
            h = carray_at(states + here, size, dtype)
            place = states + here - B * row if t > 0 else given.before + first * row
            for r in range(rows):
                for j in range(n):
                    b = bias[j] if biased else zero
                    z[r * n + j] = inverse(number, h[r * n + j], b, zero, constant)
            subtract(z, carray_at(drive + here, size, dtype), z)
            times_transposed(single, False, z.ctypes.data, W, place, i, s)
            if masked:
                taken = carray_at(mask + t * B + first, rows, np.uint8)
                before = carray_at(place, size, dtype)
                for r in range(rows):
                    if taken[r] == 0:
                        copy(h[r * n : (r + 1) * n], before[r * n : (r + 1) * n])
        # See the forward kernel's.
        given.alive = integers.size + scalars.size + z.size + version

    return recurrence_inverse_real


def inverse_kernel_complex(dtype, activation):
    """Kernel of an `INVERSE` on stacked storage; W is [W_re, W_im, W_re - W_im]."""
    number, biased = number_of(activation), RECURRENT[activation].biased
    constant, eps = dtype(RECURRENT[activation].constant), dtype(MODRELU_EPS)
    root, one = dtype(np.sqrt(MODRELU_EPS)), dtype(1)
    single, version = dtype == np.float32, KERNEL_VERSION

    @cfunc(signature(INVERSE), **FAST_KERNEL)
    def recurrence_inverse_complex(address):
        given = carray(address, 1)[0]
        drive, W, mask, states = given.drive, given.W, given.mask, given.states
        T, B, n, first, masked = given.T, given.B, given.n, given.first, given.masked != 0
        rows = given.last - first
        bias = carray_at(given.bias, n if biased else 0, dtype)
        integers, scalars = sizes_of(rows, n), scalars_of(bias.dtype)
        i, s = integers.ctypes.data, scalars.ctypes.data
        zero = scalars[0]
        row, size = n * bias.itemsize, rows * n
        plane, matrix = B * row, n * row
        work = np.empty(6 * size, dtype)
        p, q, r = work[:size], work[size : 2 * size], work[2 * size : 3 * size]
        x, y = work[3 * size : 4 * size], work[4 * size : 5 * size]
        total, moduli = work[5 * size :], np.empty(n, dtype)
        newton = newton_steps(bias) if biased else 0
        for t in range(T - 1, -1, -1):
            here = (t * 2 * B + first) * row
            h_re = carray_at(states + here, size, dtype)
            h_im = carray_at(states + here + plane, size, dtype)
            place = states + here - 2 * plane if t > 0 else given.before + first * row
            copy(h_re, x)
            copy(h_im, y)
            for k in range(rows):
                u, v = x[k * n : (k + 1) * n], y[k * n : (k + 1) * n]
                if biased:
                    modulus = carray_at(given.moduli + (t * B + first + k) * row, n, dtype)
                    modrelu_inverse(u, v, modulus, bias, moduli, newton, eps, root, one)
                else:
                    for j in range(n):
                        u[j] = inverse(number, u[j], zero, zero, constant)
                        v[j] = inverse(number, v[j], zero, zero, constant)
            subtract(x, carray_at(drive + here, size, dtype), x)
            subtract(y, carray_at(drive + here + plane, size, dtype), y)
            add(x, y, total)
            times_transposed(single, False, x.ctypes.data, W, p.ctypes.data, i, s)
            times_transposed(single, False, y.ctypes.data, W + matrix, q.ctypes.data, i, s)
            times_transposed(single, False, total.ctypes.data, W + 2 * matrix, r.ctypes.data, i, s)
            before_re = carray_at(place, size, dtype)
            before_im = carray_at(place + plane, size, dtype)
            clear(before_re)
            clear(before_im)
            add_adjoint_product(before_re, before_im, p, q, r)
            if masked:
                taken = carray_at(mask + t * B + first, rows, np.uint8)
                for k in range(rows):
                    if taken[k] == 0:
                        copy(h_re[k * n : (k + 1) * n], before_re[k * n : (k + 1) * n])
                        copy(h_im[k * n : (k + 1) * n], before_im[k * n : (k + 1) * n])
        # See the forward kernel's.
        given.alive = integers.size + scalars.size + work.size + moduli.size + version

    return recurrence_inverse_complex
