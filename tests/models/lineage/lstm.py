"""LSTM: c_t = s(f) c_{t-1} + s(i) tanh(g), h_t = s(o) tanh(c_t)."""

import numpy as np
from lineage.formulas import read_out, sigmoid, through_time

CASES = [{"forget_bias": 1.5}]


def outputs(model, p, x, mask):
    def step(x_t, h, c):
        i, f, g, o = np.split(h @ p["W"] + x_t @ p["V"] + p["b"], 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c

    zero = np.zeros(model.hidden_size)
    return read_out(p, through_time(step, x, mask, zero, zero))


def parameters(m, n, k, **_):
    return 4 * (n * m + n * n + n) + n * k + k
