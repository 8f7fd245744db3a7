"""Kernels of the complex recurrence on stacked storage.

A state (2, B, n) is, without a copy, the matrix of 2B rows [h_re; h_im]; times [W_re | W_im] it
gives in one real product all four that a complex one needs. Likewise W's gradient: the states of a
block of steps times their z_bar gives its real part, times -i z_bar (real rows Im z, imaginary rows
-Re z) its imaginary part.
"""

import numpy as np
from pytensor.link.numba.dispatch.basic import numba_njit

from unitarygraph.link.numba import recurrence_real as real
from unitarygraph.link.numba.recurrence_real import BLOCK, fresh, reused
from unitarygraph.link.numba.threads import blas_threads
from unitarygraph.ops.activations import MODRELU_EPS


# Each activation: f(x, y, b, eps, 0, 1) -> (h_re, h_im, m), and
# slope(h_re, h_im, m, b, g_re, g_im, 0, 1) -> (z_bar_re, z_bar_im, b_bar).
@numba_njit
def modrelu(x, y, b, eps, zero, one):
    """Complex modReLU and its modulus."""
    """Value z max(m + b, 0)/m and modulus m."""
    m = np.sqrt(x * x + y * y + eps)
    a = m + b
    scale = zero if a <= zero else a / m
    return scale * x, scale * y, m


@numba_njit
def modrelu_slope(x, y, m, b, g, k, zero, one):
    """Adjoint of the complex modReLU."""
    """Adjoint of the modReLU from h = (x, y) and the modulus; g + i k is h_bar."""
    # z = h m / (m + b) turns s g - b/m^3 z Re(conj(z) g) into s g - b/m 1/(m + b) e h,
    # with e = Re(conj(z) g)/m = Re(conj(h) g)/(m + b).
    a = m + b
    dead = a <= zero
    inverse = zero if dead else one / a
    turn = one / m
    scale = zero if dead else a * turn
    e = (x * g + y * k) * inverse
    c = b * turn * inverse * e
    return scale * g - c * x, scale * k - c * y, e


def split(f, slope):
    """Both functions applied to real and imaginary part apart."""

    @numba_njit
    def split_f(x, y, b, eps, zero, one):
        return f(x, b, zero, one), f(y, b, zero, one), zero

    @numba_njit
    def split_slope(x, y, m, b, g, k, zero, one):
        return slope(x, b, g, zero, one)[0], slope(y, b, k, zero, one)[0], zero

    return split_f, split_slope


ACTIVATIONS = {
    "modrelu": (modrelu, modrelu_slope),
    "relu": split(real.relu, real.relu_slope),
    "tanh": split(real.tanh, real.tanh_slope),
    "identity": split(real.identity, real.identity_slope),
}


def forward_kernel(activation, masked, inplace):
    """``kernel(drive, W, h0, bias, mask) -> states, last, moduli``."""
    f, _ = ACTIVATIONS[activation]
    keeps_moduli = activation == "modrelu"
    result_like = reused if inplace else fresh

    @numba_njit
    def kernel(drive, W, h0, bias, mask):
        T, _, B, n = drive.shape
        dtype = drive.dtype
        zero, one, eps = dtype.type(0), dtype.type(1), dtype.type(MODRELU_EPS)
        states = result_like(drive).reshape((T, 2 * B, n))
        moduli = np.zeros((T, B, n) if keeps_moduli else (0, 0, 0), dtype)
        h = np.empty((2 * B, n), dtype)
        h[:B], h[B:] = h0[0], h0[1]
        W_row = np.empty((n, 2 * n), dtype)
        W_row[:, :n], W_row[:, n:] = W[0], W[1]
        product = np.zeros((2 * B, 2 * n), dtype)
        x, y = np.empty(n, dtype), np.empty(n, dtype)
        modulus = np.empty(n, dtype)
        b = np.zeros(n, dtype)
        b[: len(bias)] = bias
        threads = blas_threads(1)
        for t in range(T):
            if h.size:
                np.dot(h, W_row, product)
            state = states[t]
            for r in range(B):
                if masked and not mask[t, r]:
                    state[r] = h[r]
                    state[B + r] = h[B + r]
                    continue
                p, q = product[r], product[B + r]
                p_re, p_im, q_re, q_im = p[:n], p[n:], q[:n], q[n:]
                d, e = drive[t, 0, r], drive[t, 1, r]
                for j in range(n):
                    x[j] = p_re[j] - q_im[j] + d[j]
                    y[j] = p_im[j] + q_re[j] + e[j]
                out_re, out_im = state[r], state[B + r]
                if keeps_moduli:
                    modulus = moduli[t, r]
                for j in range(n):
                    u, v, m = f(x[j], y[j], b[j], eps, zero, one)
                    out_re[j] = u
                    out_im[j] = v
                    if keeps_moduli:
                        modulus[j] = m
            h = state
        blas_threads(threads)
        return states.reshape((T, 2, B, n)), h.copy().reshape((2, B, n)), moduli

    return kernel


def backward_kernel(activation, masked, from_states, from_last, inplace):
    """``kernel(W, h0, bias, mask, states, moduli, states_bar, last_bar)``, four cotangents."""
    _, slope = ACTIVATIONS[activation]
    has_bias = activation == "modrelu"

    @numba_njit
    def kernel(W, h0, bias, mask, states, moduli, states_bar, last_bar):
        T, _, B, n = states.shape
        dtype = states.dtype
        zero, one = dtype.type(0), dtype.type(1)
        states = np.ascontiguousarray(states).reshape((T, 2 * B, n))
        start = np.empty((2 * B, n), dtype)
        start[:B], start[B:] = h0[0], h0[1]
        W_H = np.empty((n, 2 * n), dtype)
        W_H[:, :n], W_H[:, n:] = W[0].T, W[1].T
        drive_bar = (reused(states_bar) if inplace else fresh(states)).reshape((T, 2 * B, n))
        turned = np.empty((BLOCK, 2 * B, n), dtype)
        W_bar = np.zeros((2, n, n), dtype)
        W_part = np.zeros((n, n), dtype)
        b = np.zeros(n, dtype)
        b[: len(bias)] = bias
        # Sums over T B terms: a step in the data's dtype, steps in double.
        bias_step, bias_sum = np.zeros(n, dtype), np.zeros(n)
        g, k, modulus = np.empty(n, dtype), np.empty(n, dtype), np.ones(n, dtype)
        through = np.zeros((2 * B, 2 * n), dtype)
        carried = np.zeros((2 * B if masked else 0, n), dtype)
        if from_last:
            through[:B, :n], through[B:, :n] = last_bar[0], last_bar[1]
        threads = blas_threads(1)
        end = T
        for t in range(T - 1, -1, -1):
            state, z_bars, turn = states[t], drive_bar[t], turned[(t - 1) % BLOCK]
            for r in range(B):
                p, q = through[r], through[B + r]
                p_re, p_im, q_re, q_im = p[:n], p[n:], q[:n], q[n:]
                for j in range(n):
                    g[j] = p_re[j] + q_im[j]
                    k[j] = q_re[j] - p_im[j]
                if from_states:
                    s, u = states_bar[t, 0, r], states_bar[t, 1, r]
                    for j in range(n):
                        g[j] += s[j]
                        k[j] += u[j]
                x_bar, y_bar, turn_re, turn_im = z_bars[r], z_bars[B + r], turn[r], turn[B + r]
                if masked:
                    c, d = carried[r], carried[B + r]
                    for j in range(n):
                        g[j] += c[j]
                        k[j] += d[j]
                        c[j] = zero
                        d[j] = zero
                    if not mask[t, r]:
                        c[:] = g
                        d[:] = k
                        x_bar[:] = zero
                        y_bar[:] = zero
                        turn_re[:] = zero
                        turn_im[:] = zero
                        continue
                h_re, h_im = state[r], state[B + r]
                if has_bias:
                    modulus = moduli[t, r]
                for j in range(n):
                    x, y, e = slope(h_re[j], h_im[j], modulus[j], b[j], g[j], k[j], zero, one)
                    x_bar[j] = x
                    y_bar[j] = y
                    turn_re[j] = y
                    turn_im[j] = -x
                    if has_bias:
                        bias_step[j] += e
            if has_bias:
                for j in range(n):
                    bias_sum[j] += bias_step[j]
                    bias_step[j] = zero
            if through.size:
                np.dot(z_bars, W_H, through)
                if t == 0:
                    np.dot(start.T, z_bars, W_part)
                    W_bar[0] += W_part
                    np.dot(start.T, turn, W_part)
                    W_bar[1] += W_part
                elif (t - 1) % BLOCK == 0:
                    rows = (end - t) * 2 * B
                    before = states[t - 1 : end - 1].reshape((rows, n)).T
                    np.dot(before, drive_bar[t:end].reshape((rows, n)), W_part)
                    W_bar[0] += W_part
                    np.dot(before, turned[: end - t].reshape((rows, n)), W_part)
                    W_bar[1] += W_part
                    end = t
        blas_threads(threads)
        h0_bar = np.empty((2, B, n), dtype)
        h0_bar[0] = through[:B, :n] + through[B:, n:]
        h0_bar[1] = through[B:, :n] - through[:B, n:]
        if masked:
            h0_bar[0] += carried[:B]
            h0_bar[1] += carried[B:]
        drive_bar = drive_bar.reshape((T, 2, B, n))
        return drive_bar, W_bar, h0_bar, bias_sum[: len(bias)].astype(dtype)

    return kernel
