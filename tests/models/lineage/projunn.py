"""projUNN: W itself, expRNN's cell."""

from lineage.formulas import ends, free_skew, one_matrix, value_of

CASES = [{}, {"field": "complex", "init": "haar"}]


def outputs(model, p, x, mask):
    field = model.options["field"]
    return one_matrix(p, x, mask, value_of(p, "W", field), field)


def parameters(m, n, k, field, **_):
    return free_skew(n, field) + ends(m, n, k, field)
