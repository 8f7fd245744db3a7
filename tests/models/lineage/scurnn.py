"""scuRNN: W = (I + A)^{-1} (I - A) diag(e^{i theta})."""

import numpy as np
from lineage.formulas import cayley_of, complex_of, ends, free_skew, one_matrix, skew_of

CASES = [{}]


def outputs(model, p, x, mask):
    W = cayley_of(skew_of(complex_of(p["A"]))) * np.exp(1j * p["A/theta"])
    return one_matrix(p, x, mask, W, "complex", complex_of(p["h0"]))


def parameters(m, n, k, **_):
    return free_skew(n, "complex") + n + 2 * n + ends(m, n, k, "complex")
