"""LinOSS in the paper's columns: (z, x) <- M (z, x) + F u, M and F by its equations for IM and IMEX."""

import numpy as np
import scipy.stats
from lineage.formulas import complex_of, sigmoid, through_time
from lineage.lru import normalized

CASES = [{"state_size": 5, "discretization": "imex"}, {"layers": 2, "discretization": "im"}]


def outputs(model, p, x, mask):
    x = x @ p["encoder/weight"] + p["encoder/bias"]
    for k in range(model.options["layers"]):
        q = {name.removeprefix(f"layer{k}/"): v for name, v in p.items() if f"layer{k}/" in name}
        u = normalized(q, x)
        y = q["D"] * u + oscillated(q, u, mask, model.options["discretization"])
        z = y * scipy.stats.norm.cdf(y)
        a, b = (z @ q[f"{half}/weight"] + q[f"{half}/bias"] for half in ("value", "gate"))
        x = x + a * sigmoid(b)
    return x @ p["decoder/weight"] + p["decoder/bias"]


def oscillated(q, u, mask, discretization):
    A, d = np.diag(np.maximum(q["a"], 0)), np.diag(sigmoid(q["s"]))
    I, n = np.eye(len(A)), len(A)
    if discretization == "im":
        # M^{-1} = [[I, d A], [-d, I]], F = M [d B u, 0]
        M = np.linalg.inv(np.block([[I, d @ A], [-d, I]]))
        F = M @ np.vstack([d, 0 * d])
    else:
        M = np.block([[I, -d @ A], [d, I - d @ d @ A]])
        F = np.vstack([d, d @ d])
    B, C = complex_of(q["B"]), complex_of(q["C"])

    def step(u_t, w):
        return w @ M.T + (u_t @ B) @ F.T

    return (through_time(step, u, mask, np.zeros(2 * n, complex))[..., n:] @ C).real


def parameters(m, n, k, *, state_size, layers, **_):
    s = state_size or n
    layer = 4 * n * s + 2 * s + n
    return m * n + n + layers * (2 * n + layer + 2 * n * n + 2 * n) + n * k + k
