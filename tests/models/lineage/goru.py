"""GORU: h_t = z h_{t-1} + (1 - z) modReLU(r (h_{t-1} W) + x_t V_c), W rotations of pairs."""

import numpy as np
from lineage.formulas import modrelu, read_out, sigmoid, through_time

CASES = [{}, {"style": "fft", "update_bias": 2.0}]


def pairs_of(n, layers, style):
    """Pairs that each layer turns: neighbors from 0 and from 1 in turn, or at distances n/2, ..., 1."""
    if style == "tunable":
        return [[(i, i + 1) for i in range(k % 2, n - 1, 2)] for k in range(layers)]
    distances = [n >> k for k in range(1, layers + 1)]
    return [[(i, i + d) for i in range(n) if i % (2 * d) < d] for d in distances]


def rotations(theta, n, style):
    """Product of the layers F, each with blocks [[cos, -sin], [sin, cos]]."""
    W = np.eye(n)
    for angles, pairs in zip(theta, pairs_of(n, len(theta), style), strict=True):
        F = np.eye(n)
        for t, (i, j) in zip(angles, pairs, strict=False):
            F[np.ix_((i, j), (i, j))] = [[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]]
        W = W @ F
    return W


def outputs(model, p, x, mask):
    W = rotations(p["W/theta"], model.hidden_size, model.options["style"])
    V_r, V_z, V_c = np.split(p["V"], 3, axis=1)
    (W_r, W_z), (b_r, b_z) = (np.split(p[name], 2, axis=-1) for name in ("W_g", "b_g"))

    def step(x_t, h):
        r = sigmoid(h @ W_r + x_t @ V_r + b_r)
        z = sigmoid(h @ W_z + x_t @ V_z + b_z)
        return z * h + (1 - z) * modrelu(r * (h @ W) + x_t @ V_c, p["b"])

    return read_out(p, through_time(step, x, mask, np.zeros(model.hidden_size)))


def parameters(m, n, k, style, capacity, **_):
    layers = pairs_of(n, capacity if style == "tunable" else n.bit_length() - 1, style)
    angles = sum(len(pairs) for pairs in layers)
    return angles + 3 * n * m + 2 * n * n + 2 * n + n + n * k + k
