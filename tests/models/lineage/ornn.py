"""oRNN: W = H_1 ... H_m, H_j = I - 2 v_j v_j^H / |v_j|^2, v_j with n + 1 - j trailing entries."""

import numpy as np
from lineage.formulas import additive, ends, leaky_relu, one_matrix, value_of

CASES = [{}, {"reflections": 3, "field": "complex", "activation": "modrelu"}]


def product(V):
    """H_1 ... H_m of the columns of V, of which nothing counts above the diagonal."""
    W = np.eye(len(V))
    for v in np.tril(V).T:
        W = W @ (np.eye(len(v)) - 2 * np.outer(v, v.conj()) / np.vdot(v, v).real)
    return W


def outputs(model, p, x, mask):
    field = model.options["field"]
    W, h0 = product(value_of(p, "W/V", field)), value_of(p, "h0", field)
    if field == "complex":
        return one_matrix(p, x, mask, W * np.exp(1j * p["W/phases"]), field, h0)
    return one_matrix(p, x, mask, W, field, h0, f=additive(leaky_relu))


def parameters(m, n, k, field, reflections, **_):
    count = reflections or n
    entries = n * count - count * (count - 1) // 2
    planes = 2 if field == "complex" else 1
    return planes * (entries + n) + n * (field == "complex") + ends(m, n, k, field)
