"""Spectral-RNN: W = U diag(s) V^T, s = 1 + 2 r (sigmoid(q) - 1/2)."""

import numpy as np
from lineage.formulas import additive, ends, leaky_relu, one_matrix, sigmoid
from lineage.ornn import product

CASES = [{"margin": 0.1}, {"reflections": 2}]


def outputs(model, p, x, mask):
    s = 1 + 2 * model.options["margin"] * (sigmoid(p["W/q"]) - 0.5)
    W = product(p["W/left/V"]) * s @ product(p["W/right/V"]).T
    assert np.abs(np.linalg.svd(W)[1] - 1).max() < model.options["margin"]
    return one_matrix(p, x, mask, W, "real", f=additive(leaky_relu))


def parameters(m, n, k, reflections, **_):
    count = reflections or n
    return 2 * (n * count - count * (count - 1) // 2) + n + ends(m, n, k, "real")
