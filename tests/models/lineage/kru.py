"""KRU: W = W_1 (x) ... (x) W_F of 2 x 2 factors."""

from functools import reduce

import numpy as np
import scipy.linalg
from lineage.formulas import ends, free_skew, one_matrix, skew_of, value_of

CASES = [{}, {"constraint": "exp", "field": "real"}]


def outputs(model, p, x, mask):
    field, constraint = model.options["field"], model.options["constraint"]
    names = [f"W/{f}" for f in range(model.hidden_size.bit_length() - 1)]
    factors = [value_of(p, name, field) for name in names]
    if constraint == "exp":
        factors = [scipy.linalg.expm(skew_of(A)) for A in factors]
    return one_matrix(p, x, mask, reduce(np.kron, factors), field)


def parameters(m, n, k, field, constraint, **_):
    planes = 2 if field == "complex" else 1
    each = free_skew(2, field) if constraint == "exp" else 4 * planes
    return (n.bit_length() - 1) * each + ends(m, n, k, field)
