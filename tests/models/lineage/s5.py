"""S5: x_t = Lambda_bar x_{t-1} + u_t B_bar, y = 2 Re(x C) + D u, by matrix functions of SciPy."""

import numpy as np
import scipy.linalg
import scipy.stats
from lineage.formulas import complex_of, sigmoid, through_time
from lineage.lru import normalized

CASES = [
    {"state_size": 6, "blocks": 2, "step_max": 0.5},
    {"layers": 2, "discretization": "bilinear"},
]


def outputs(model, p, x, mask):
    x = x @ p["encoder/weight"] + p["encoder/bias"]
    for k in range(model.options["layers"]):
        q = {name.removeprefix(f"layer{k}/"): v for name, v in p.items() if f"layer{k}/" in name}
        u = normalized(q, x)
        y = q["D"] * u + unit(q, u, mask, model.options["discretization"])
        z = y * scipy.stats.norm.cdf(y)
        a, b = (z @ q[f"{half}/weight"] + q[f"{half}/bias"] for half in ("value", "gate"))
        x = x + a * sigmoid(b)
    return x @ p["decoder/weight"] + p["decoder/bias"]


def unit(q, u, mask, discretization):
    A = np.diag(np.minimum(q["re"], -1e-4) + 1j * q["im"])
    step, I = np.diag(np.exp(q["tau"])), np.eye(len(A))
    B, C = complex_of(q["B"]), complex_of(q["C"])
    if discretization == "zoh":
        turn = scipy.linalg.expm(A @ step)
        held = np.linalg.solve(A, turn - I)
    else:
        turn = np.linalg.solve(I - A @ step / 2, I + A @ step / 2)
        held = np.linalg.solve(I - A @ step / 2, step)

    def move(u_t, x):
        return x @ turn.T + u_t @ B @ held.T

    return 2 * (through_time(move, u, mask, np.zeros(len(A), complex)) @ C).real


def parameters(m, n, k, *, state_size, layers, **_):
    s = state_size or n
    layer = 4 * n * s + 3 * s + n
    return m * n + n + layers * (2 * n + layer + 2 * n * n + 2 * n) + n * k + k
