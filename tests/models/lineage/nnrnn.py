"""nnRNN: W = P (Lambda + T) P^H, P = exp(A)."""

import numpy as np
import scipy.linalg
from lineage.formulas import ends, free_skew, one_matrix, skew_of, value_of

CASES = [{}, {"field": "complex"}]


def outputs(model, p, x, mask):
    field = model.options["field"]
    P = scipy.linalg.expm(skew_of(value_of(p, "W/A", field)))
    T = np.triu(value_of(p, "W/T", field), 1)
    gamma, theta = p["W/gamma"], p["W/theta"]
    if field == "complex":
        middle = np.diag(gamma * np.exp(1j * theta)) + T
    else:
        cos, sin = np.cos(theta), np.sin(theta)
        blocks = [g * np.array([[c, -s], [s, c]]) for g, c, s in zip(gamma, cos, sin, strict=True)]
        inside = scipy.linalg.block_diag(*[np.ones((2, 2))] * len(blocks))
        middle = scipy.linalg.block_diag(*blocks) + T * (1 - inside)
    return one_matrix(p, x, mask, P @ middle @ P.conj().T, field)


def parameters(m, n, k, field, **_):
    if field == "complex":
        return n * n + 2 * n + n * (n - 1) + ends(m, n, k, field)
    pairs = n // 2
    return 2 * free_skew(n, field) - pairs + 2 * pairs + ends(m, n, k, field)
