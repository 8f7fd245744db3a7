"""CDOpt: W = X (3/2 I - 1/2 X^T X), tanh."""

import numpy as np
from lineage.formulas import additive, ends, one_matrix, value_of

CASES = [{}, {"field": "complex", "activation": "modrelu"}]


def outputs(model, p, x, mask):
    field = model.options["field"]
    X = value_of(p, "X", field)
    W = X @ (1.5 * np.eye(len(X)) - 0.5 * X.conj().T @ X)
    f = {} if field == "complex" else {"f": additive(np.tanh)}
    return one_matrix(p, x, mask, W, field, **f)


def parameters(m, n, k, field, **_):
    return n * n * (2 if field == "complex" else 1) + ends(m, n, k, field)
