"""Full-capacity uRNN: W in U(n) itself, a learned first state."""

from lineage.formulas import ends, free_skew, one_matrix, value_of

CASES = [{"field": "complex"}, {"field": "real", "init": "haar"}]


def outputs(model, p, x, mask):
    field = model.options["field"]
    h0 = value_of(p, "h0", field)
    return one_matrix(p, x, mask, value_of(p, "W", field), field, h0)


def parameters(m, n, k, field, **_):
    planes = 2 if field == "complex" else 1
    return free_skew(n, field) + planes * n + ends(m, n, k, field)
