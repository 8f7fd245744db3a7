"""dtriv: W = B exp(A), or B (I + A)^{-1} (I - A)."""

import scipy.linalg
from lineage.formulas import cayley_of, ends, free_skew, one_matrix, skew_of, value_of

CASES = [{"K": 7, "M": 2}, {"map": "cayley", "field": "complex", "init": "haar"}]


def outputs(model, p, x, mask):
    field = model.options["field"]
    turn = cayley_of if model.options["map"] == "cayley" else scipy.linalg.expm
    W = value_of(p, "A/base", field) @ turn(skew_of(value_of(p, "A", field)))
    return one_matrix(p, x, mask, W, field)


def parameters(m, n, k, field, **_):
    return free_skew(n, field) + ends(m, n, k, field)
