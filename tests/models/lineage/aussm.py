"""AUSSM: h_ij <- e^{i phi_ij(u)} h_ij + delta_i s_i b_j, y_i = Re sum_j c_j h_ij + d_i s_i, complex."""

import numpy as np
from lineage.formulas import complex_of, sigmoid

CASES = [{"state_size": 2}, {"state_size": 3, "layers": 2}]


def outputs(model, p, x, mask):
    n = model.options["state_size"]
    x = x @ p["encoder/weight"] + p["encoder/bias"]
    for k in range(model.options["layers"]):
        q = {name.removeprefix(f"layer{k}/"): v for name, v in p.items() if f"layer{k}/" in name}
        u, z = np.split(normalized(x, q["norm/gain"]) @ q["W"], 2, axis=-1)
        x = x + layer(q, u, mask, n) * z * sigmoid(z) @ q["V"]
    return normalized(x, p["norm/gain"]) @ p["decoder/weight"]


def normalized(x, gain):
    return gain * x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-5)


def layer(q, u, mask, n):
    T, B, m = u.shape
    b, c = complex_of(q["b"]), complex_of(q["c"])
    h, y = np.zeros((B, m, n), complex), np.zeros(u.shape)
    for t in range(T):
        phase = (u[t] @ q["P"] / np.sqrt(m) + q["p"]).reshape(B, m, n)
        delta = np.log1p(np.exp(u[t] @ q["R"] @ q["S"] + q["s"]))
        s = u[t] * sigmoid(u[t])
        new = np.exp(1j * phase) * h + (delta * s)[..., None] * b
        h = np.where(mask[t][:, None, None] != 0, new, h)
        y[t] = (h @ c).real + q["d"] * s
    return y


def parameters(m, n, k, *, state_size, layers):
    block = n + 3 * n * n + n * n * state_size + 3 * n * state_size + 4 * state_size + 2 * n
    return m * n + n + layers * block + n + n * k
