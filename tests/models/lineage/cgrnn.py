"""Complex gated RNN: h_t = z f((r h_{t-1}) W + x_t V + b) + (1 - z) h_{t-1}, W in U(n)."""

import numpy as np
from lineage.formulas import complex_of, modrelu, read_out, sigmoid, through_time

CASES = [{}, {"gates": 1, "activation": "hirose"}]


def activation(p):
    """modReLU, or Hirose's tanh(|z| / m^2) e^{i arg z}."""
    if "m" not in p:
        return lambda z: modrelu(z, p["offset"])
    return lambda z: np.tanh(np.abs(z) / p["m"] ** 2) * np.exp(1j * np.angle(z))


def outputs(model, p, x, mask):
    return read_out(p, states(p, x, mask, model.options["gates"]))


def states(p, x, mask, count):
    """States of all steps with so many gates; x may be complex."""
    W, V, b, W_g, V_g, b_g = (complex_of(p[name]) for name in ("W", "V", "b", "W_g", "V_g", "b_g"))
    f = activation(p)
    share_r, share_z = sigmoid(p.get("a", np.zeros(2)))

    def gates(x_t, h):
        g = h @ W_g + x_t @ V_g + b_g
        if count == 1:
            return sigmoid(g.real), sigmoid(g.imag)
        g_r, g_z = np.split(g, 2, axis=1)
        r = sigmoid(share_r * g_r.real + (1 - share_r) * g_r.imag)
        return r, sigmoid(share_z * g_z.real + (1 - share_z) * g_z.imag)

    def step(x_t, h):
        r, z = gates(x_t, h)
        return z * f((r * h) @ W + x_t @ V + b) + (1 - z) * h

    return through_time(step, x, mask, np.zeros(len(W), complex))


def parameters(m, n, k, gates, activation, train_mixture, **_):
    inner = n * n + 2 * m * n + 2 * n
    each_gate = 2 * n * n + 2 * m * n + 2 * n
    mixture = 2 if gates == 2 and train_mixture else 0
    return (
        inner + gates * each_gate + mixture + (n if activation == "modrelu" else 1) + 2 * n * k + k
    )
