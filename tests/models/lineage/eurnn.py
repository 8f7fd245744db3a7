"""EURNN: W = F_1 ... F_L D, blocks [[e^{i phi} cos, -e^{i phi} sin], [sin, cos]] at pairs."""

import numpy as np
from lineage.formulas import ends, one_matrix

CASES = [{"capacity": 3}, {"style": "fft"}, {"capacity": 8, "field": "real"}]


def pairs_of(n, layer, style):
    """Neighbors from 0 and from 1 in turn, or all at the distance n / 2^(layer + 1)."""
    if style == "tunable":
        return [(i, i + 1) for i in range(layer % 2, n - 1, 2)]
    distance = n >> (layer + 1)
    return [(i, i + distance) for i in range(n) if i % (2 * distance) < distance]


def outputs(model, p, x, mask):
    n, field, style = model.hidden_size, model.options["field"], model.options["style"]
    theta = p["W/theta"]
    phi = p["W/phi"] if field == "complex" else np.zeros_like(theta)
    W = np.eye(n)
    for layer, (t, f) in enumerate(zip(theta, np.exp(1j * phi), strict=True)):
        F = np.eye(n, dtype=complex)
        for k, (i, j) in enumerate(pairs_of(n, layer, style)):
            F[i, i], F[i, j] = f[k] * np.cos(t[k]), -f[k] * np.sin(t[k])
            F[j, i], F[j, j] = np.sin(t[k]), np.cos(t[k])
        W = W @ F
    W = W * np.exp(1j * p["W/omega"]) if field == "complex" else W.real
    return one_matrix(p, x, mask, W, field)


def parameters(m, n, k, capacity, style, field, **_):
    """Ln + n, less two for the pair that every second layer of an even n does without."""
    layers = n.bit_length() - 1 if style == "fft" else capacity
    pairs = sum(len(pairs_of(n, layer, style)) for layer in range(layers))
    return (2 * pairs + n if field == "complex" else pairs) + ends(m, n, k, field)
