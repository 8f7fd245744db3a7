"""scoRNN: W = (I + A)^{-1} (I - A) D, D of signs."""

from lineage.formulas import cayley_of, ends, free_skew, one_matrix, skew_of

CASES = [{}, {"rho": 2}]


def outputs(model, p, x, mask):
    assert (p["A/D"] == -1).sum() == (2 if model.options["rho"] == 2 else model.hidden_size // 2)
    return one_matrix(p, x, mask, cayley_of(skew_of(p["A"])) * p["A/D"], "real")


def parameters(m, n, k, **_):
    return free_skew(n, "real") + ends(m, n, k, "real")
