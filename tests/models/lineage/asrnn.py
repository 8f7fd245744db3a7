"""asRNN in the paper's columns: h_t = W_f^{-1} tanh(W_f (W h_{t-1} + V x_t + b)), W_f = U_f D_f."""

import numpy as np
import scipy.linalg
from lineage.formulas import ends, free_skew, read_out, skew_of, through_time

CASES = [{}, {"init": "haar", "low": -1.0, "min_scale": 0.1}]


def outputs(model, p, x, mask):
    W, U_f = (scipy.linalg.expm(skew_of(p[name])).T for name in ("A", "A_f"))
    W_f = U_f @ np.diag(np.abs(p["P"]) + model.options["min_scale"])

    def step(x_t, h):
        inner = W @ h.T + p["V"].T @ x_t.T + p["b"][:, None]
        return np.linalg.solve(W_f, np.tanh(W_f @ inner)).T

    return read_out(p, through_time(step, x, mask, np.zeros(model.hidden_size)))


def parameters(m, n, k, **_):
    return 2 * free_skew(n, "real") + n + ends(m, n, k, "real")
