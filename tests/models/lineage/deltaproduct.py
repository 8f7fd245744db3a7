"""DeltaProduct: S <- (I - beta k k^T) g S + beta k v^T, J times a step; h_t = q_t S."""

import numpy as np
from lineage.formulas import read_out, sigmoid

CASES = [
    {"key_size": 3},
    {"key_size": 4, "heads": 2, "householders": 3, "negative": False, "gated": True},
]


def unit(z):
    z = z * sigmoid(z)
    return z / np.sqrt((z * z).sum(axis=-1, keepdims=True) + 1e-6)


def one_sequence(options, p, n, x, mask):
    J, H, K = options.get("householders", 1), options["heads"], options["key_size"]
    d = n // H
    widths = [H * K, J * H * K, J * n, J * H]
    S, h, kept = np.zeros((H, K, d)), np.zeros(n), []
    for x_t, valid in zip(x, mask, strict=True):
        q, k, v, beta, gate = np.split(x_t @ p["V"] + p["b"], np.cumsum(widths))
        q, k = unit(q.reshape(H, K)), unit(k.reshape(J, H, K))
        v = v.reshape(J, H, d)
        beta = sigmoid(beta.reshape(J, H)) * (2 if options["negative"] else 1)
        if valid:
            for i in range(H):
                S[i] *= sigmoid(gate[i]) if options.get("gated") else 1
                for j in range(J):
                    A = np.eye(K) - beta[j, i] * np.outer(k[j, i], k[j, i])
                    S[i] = A @ S[i] + beta[j, i] * np.outer(k[j, i], v[j, i])
            h = np.concatenate([q[i] @ S[i] for i in range(H)])
        kept.append(h)
    return np.stack(kept)


def outputs(model, p, x, mask):
    each = [
        one_sequence(model.options, p, model.hidden_size, x[:, i], mask[:, i])
        for i in range(x.shape[1])
    ]
    return read_out(p, np.stack(each, axis=1))


def parameters(m, n, k, heads, key_size, householders=1, gated=False, **_):
    affine = heads * key_size + householders * (heads * key_size + n + heads) + gated * heads
    return (m + 1) * affine + n * k + k
