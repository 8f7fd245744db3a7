"""Kernels of the real recurrence: one product a step, elementwise work fused row by row."""

import numpy as np
from pytensor.link.numba.dispatch.basic import numba_njit

from unitarygraph.link.numba.threads import blas_threads

# Steps whose cotangents are gathered for one product of W's gradient: enough rows for the product
# to run at full speed, few enough that they are still in the cache.
BLOCK = 16


# Each activation: f(z, b, 0, 1) -> h, and slope(h, b, g, 0, 1) -> (z_bar, b_bar). Comparisons are
# written so that NaN takes the branch that keeps it; 0 and 1 arrive in the data's dtype.
@numba_njit
def modrelu(z, b, zero, one):
    """Real modReLU."""
    a = abs(z) + b
    a = zero if a <= zero or z == zero else a
    return -a if z < zero else a


@numba_njit
def modrelu_slope(h, b, g, zero, one):
    """Adjoint of the real modReLU."""
    z_bar = zero if h == zero else g
    return z_bar, (-z_bar if h < zero else z_bar)


@numba_njit
def relu(z, b, zero, one):
    """ReLU."""
    return zero if z <= zero else z


@numba_njit
def relu_slope(h, b, g, zero, one):
    """Adjoint of the ReLU."""
    return (zero if h <= zero else g), zero


@numba_njit
def tanh(z, b, zero, one):
    """Hyperbolic tangent."""
    return np.tanh(z)


@numba_njit
def tanh_slope(h, b, g, zero, one):
    """Adjoint of the hyperbolic tangent."""
    return (one - h * h) * g, zero


@numba_njit
def identity(z, b, zero, one):
    """No nonlinearity."""
    return z


@numba_njit
def identity_slope(h, b, g, zero, one):
    """Adjoint of no nonlinearity."""
    return g, zero


ACTIVATIONS = {
    "modrelu": (modrelu, modrelu_slope),
    "relu": (relu, relu_slope),
    "tanh": (tanh, tanh_slope),
    "identity": (identity, identity_slope),
}


@numba_njit
def fresh(x):
    """An array like x to write results to."""
    return np.empty(x.shape, x.dtype)


@numba_njit
def reused(x):
    """X itself to write results to; a copy only if its layout does not suit."""
    return np.ascontiguousarray(x)


def forward_kernel(activation, masked, inplace):
    """``kernel(drive, W, h0, bias, mask) -> states, last, moduli`` (moduli empty)."""
    f, _ = ACTIVATIONS[activation]
    result_like = reused if inplace else fresh

    @numba_njit
    def kernel(drive, W, h0, bias, mask):
        T, B, n = drive.shape
        dtype = drive.dtype
        zero, one = dtype.type(0), dtype.type(1)
        states = result_like(drive)
        h = np.empty((B, n), dtype)
        h[:] = h0
        W = np.ascontiguousarray(W)
        product = np.zeros((B, n), dtype)
        row = np.empty(n, dtype)
        b = np.zeros(n, dtype)
        b[: len(bias)] = bias
        threads = blas_threads(1)
        for t in range(T):
            if h.size:
                np.dot(h, W, product)
            state = states[t]
            for r in range(B):
                if masked and not mask[t, r]:
                    state[r] = h[r]
                    continue
                p, d, out = product[r], drive[t, r], state[r]
                for j in range(n):
                    row[j] = p[j] + d[j]
                for j in range(n):
                    out[j] = f(row[j], b[j], zero, one)
            h = state
        blas_threads(threads)
        return states, h.copy(), np.empty((0, 0, 0), dtype)

    return kernel


def backward_kernel(activation, masked, from_states, from_last, inplace):
    """``kernel(W, h0, bias, mask, states, moduli, states_bar, last_bar)``, four cotangents."""
    _, slope = ACTIVATIONS[activation]
    has_bias = activation == "modrelu"

    @numba_njit
    def kernel(W, h0, bias, mask, states, moduli, states_bar, last_bar):
        T, B, n = states.shape
        dtype = states.dtype
        zero, one = dtype.type(0), dtype.type(1)
        states = np.ascontiguousarray(states)
        start = np.empty((B, n), dtype)
        start[:] = h0
        W_H = np.empty((n, n), dtype)
        W_H[:] = W.T
        drive_bar = reused(states_bar) if inplace else fresh(states)
        W_bar = np.zeros((n, n), dtype)
        W_part = np.zeros((n, n), dtype)
        b = np.zeros(n, dtype)
        b[: len(bias)] = bias
        # Sums over T B terms: a step in the data's dtype, steps in double.
        bias_step, bias_sum = np.zeros(n, dtype), np.zeros(n)
        g = np.empty(n, dtype)
        through = np.zeros((B, n), dtype)
        carried = np.zeros((B if masked else 0, n), dtype)
        if from_last:
            through[:] = last_bar
        threads = blas_threads(1)
        end = T
        for t in range(T - 1, -1, -1):
            state, z_bars = states[t], drive_bar[t]
            for r in range(B):
                p, h, z_bar = through[r], state[r], z_bars[r]
                for j in range(n):
                    g[j] = p[j]
                if from_states:
                    s = states_bar[t, r]
                    for j in range(n):
                        g[j] += s[j]
                if masked:
                    c = carried[r]
                    for j in range(n):
                        g[j] += c[j]
                        c[j] = zero
                    if not mask[t, r]:
                        c[:] = g
                        z_bar[:] = zero
                        continue
                for j in range(n):
                    z, e = slope(h[j], b[j], g[j], zero, one)
                    z_bar[j] = z
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
                    W_bar += W_part
                elif (t - 1) % BLOCK == 0:
                    rows = (end - t) * B
                    before = states[t - 1 : end - 1].reshape((rows, n))
                    np.dot(before.T, drive_bar[t:end].reshape((rows, n)), W_part)
                    W_bar += W_part
                    end = t
        blas_threads(threads)
        if masked:
            through += carried
        return drive_bar, W_bar, through, bias_sum[: len(bias)].astype(dtype)

    return kernel
