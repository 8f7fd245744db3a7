"""LRU: h_t = lambda h_{t-1} + e^gamma (u_t B), y_t = Re(h_t C) + D u_t, in a block; all complex."""

import numpy as np
import scipy.stats
from lineage.formulas import complex_of, sigmoid, through_time

CASES = [
    {"state_size": 5},
    {"layers": 2, "bidirectional": True, "r_min": 0.8, "r_max": 0.99},
]


def outputs(model, p, x, mask):
    x = x @ p["encoder/weight"] + p["encoder/bias"]
    for k in range(model.options["layers"]):
        q = {name.removeprefix(f"layer{k}/"): v for name, v in p.items() if f"layer{k}/" in name}
        u = normalized(q, x)
        y = q["D"] * u + unit(q, u, mask)
        if model.options["bidirectional"]:
            back = {n.removeprefix("backward/"): v for n, v in q.items() if "backward/" in n}
            y = y + unit(back, u[::-1], mask[::-1])[::-1]
        z = y * scipy.stats.norm.cdf(y)
        a, b = (z @ q[f"{half}/weight"] + q[f"{half}/bias"] for half in ("value", "gate"))
        x = x + a * sigmoid(b)
    return x @ p["decoder/weight"] + p["decoder/bias"]


def normalized(q, x):
    if "norm/mean" in q:
        centered, variance = x - q["norm/mean"], q["norm/variance"]
    else:
        centered = x - x.mean(axis=-1, keepdims=True)
        variance = x.var(axis=-1, keepdims=True)
    return q["norm/gain"] * centered / np.sqrt(variance + 1e-5) + q["norm/bias"]


def unit(q, u, mask):
    eigenvalues = np.exp(-np.exp(q["nu"]) + 1j * np.exp(q["theta"]))
    B, C = complex_of(q["B"]), complex_of(q["C"])

    def step(u_t, h):
        return eigenvalues * h + np.exp(q["gamma"]) * (u_t @ B)

    return (through_time(step, u, mask, np.zeros(len(eigenvalues), complex)) @ C).real


def parameters(m, n, k, *, state_size, layers, bidirectional, **_):
    s = state_size or n
    layer = (1 + bidirectional) * (4 * n * s + 3 * s) + n
    return m * n + n + layers * (2 * n + layer + 2 * n * n + 2 * n) + n * k + k
