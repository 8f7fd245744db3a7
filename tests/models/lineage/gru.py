"""GRU: h_t = z h_{t-1} + (1 - z) tanh((r h_{t-1}) W + x_t V_c + b_c)."""

import numpy as np
from lineage.formulas import read_out, sigmoid, through_time

CASES = [{"gate_bias": -0.5}]


def outputs(model, p, x, mask):
    (V_r, V_z, V_c), (b_r, b_z, b_c) = (np.split(p[name], 3, axis=-1) for name in "Vb")
    W_r, W_z = np.split(p["W_g"], 2, axis=1)

    def step(x_t, h):
        r = sigmoid(h @ W_r + x_t @ V_r + b_r)
        z = sigmoid(h @ W_z + x_t @ V_z + b_z)
        return z * h + (1 - z) * np.tanh((r * h) @ p["W"] + x_t @ V_c + b_c)

    return read_out(p, through_time(step, x, mask, np.zeros(model.hidden_size)))


def parameters(m, n, k, **_):
    return 3 * (n * m + n * n + n) + n * k + k
