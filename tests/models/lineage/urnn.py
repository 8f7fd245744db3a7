"""uRNN: W = D3 R2 F^-1 D2 Pi R1 F D1, a learned first state."""

import numpy as np
from lineage.formulas import complex_of, ends, one_matrix

CASES = [{}]


def reflection(v):
    return np.eye(len(v)) - 2 * np.outer(v, v.conj()) / np.vdot(v, v).real


def outputs(model, p, x, mask):
    n = model.hidden_size
    D1, D2, D3 = (np.diag(np.exp(1j * t)) for t in p["W/theta"])
    R1, R2 = (reflection(v) for v in complex_of(p["W/v"]))
    F = np.exp(-2j * np.pi * np.outer(np.arange(n), np.arange(n)) / n) / np.sqrt(n)
    Pi = np.eye(n)[:, model.cells[0].parametrization.permutation]
    W = D3 @ R2 @ F.conj().T @ D2 @ Pi @ R1 @ F @ D1
    return one_matrix(p, x, mask, W, "complex", complex_of(p["h0"]))


def parameters(m, n, k, **_):
    return 7 * n + 2 * n + ends(m, n, k, "complex")
