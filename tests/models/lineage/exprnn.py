"""expRNN: W = exp(A), h_t = modReLU(h_{t-1} W + x_t V)."""

import scipy.linalg
from lineage.formulas import ends, free_skew, one_matrix, skew_of, value_of

CASES = [{"field": "real"}, {"field": "complex", "init": "haar"}]


def outputs(model, p, x, mask):
    field = model.options["field"]
    W = scipy.linalg.expm(skew_of(value_of(p, "A", field)))
    return one_matrix(p, x, mask, W, field)


def parameters(m, n, k, field, **_):
    return free_skew(n, field) + ends(m, n, k, field)
