"""A unitary matrix as layers of rotations of neighbours and a diagonal matrix."""

import numpy as np


def rotations_of(W):
    r"""Angles ``theta, phi (n, n // 2), omega (n,)`` with :math:`W = F_1 \cdots F_n D`; real: ``theta``.

    W is a unitary NumPy matrix ``(n, n)``, real W of determinant 1; the factors are those of
    `unitarygraph.parametrizations.Givens`. Entries below the diagonal are eliminated along
    antidiagonals by turns from the right and from the left, so that the n(n-1)/2 rotations pack into
    n layers. O(n^3).

    Source: Clements, Humphreys, Metcalf, Kolthammer and Walmsley (2016), "Optimal design for universal
    multiport interferometers".
    """
    n = len(W)
    turns, phases = (_real if np.isrealobj(W) else _complex)(*_eliminate(W.copy()), n)
    theta, phi = np.zeros((2, n, n // 2))
    free = np.zeros(n, int)
    for k, t, p in turns:
        layer = max(free[k], free[k + 1])
        layer += (layer + k) % 2
        free[k] = free[k + 1] = layer + 1
        theta[layer, k // 2], phi[layer, k // 2] = t, p
    return (theta,) if np.isrealobj(W) else (theta, phi, np.angle(phases))


def _eliminate(U):
    """Factors (k, 2 x 2 unitary matrix) left and right of a diagonal matrix, and its entries."""
    n = len(U)
    left, right = [], []
    for i in range(n - 1):
        for j in range(i + 1):
            if (n - i) % 2:
                row, k = n - 1 - j, i - j
                u, v = U[row, k : k + 2]
                M = _turn(np.array([[v, np.conj(u)], [-u, np.conj(v)]]))
                U[:, k : k + 2] = U[:, k : k + 2] @ M
                right.append((k, M.conj().T))
            else:
                k, column = n - 2 - i + j, j
                u, v = U[k : k + 2, column]
                M = _turn(np.array([[np.conj(u), np.conj(v)], [-v, u]]))
                U[k : k + 2] = M @ U[k : k + 2]
                left.append((k, M.conj().T))
    return left, np.diagonal(U), right[::-1]


def _turn(M):
    """The matrix over its determinant's root; the identity for zero."""
    size = np.hypot(abs(M[1, 0]), abs(M[1, 1]))
    return M / size if size else np.eye(2, dtype=M.dtype)


def _complex(left, diagonal, right, n):
    """(k, theta, phi) from the left, the diagonal matrix moved behind them all, and its entries."""
    turns, d = [], np.ones(n, complex)
    for part in (left, right):
        for k, M in part:
            M = d[k : k + 2, None] * M
            s, c = abs(M[1, 0]), abs(M[1, 1])
            a, b = _phase(M[1, 0]), _phase(M[1, 1])
            # The phase of the first row by its larger entry.
            e = _phase(M[0, 0]) / a if c > s else -_phase(M[0, 1]) / b
            turns.append((k, np.arctan2(s, c), np.angle(e)))
            d[k : k + 2] = a, b
        if part is left:
            d = d * diagonal
    return turns, d


def _real(left, diagonal, right, n):
    """Likewise; the signs that are left over become half turns, two neighbours at a time."""
    signs = np.ones(n)
    turns = []
    for part in (left, right):
        turns += [(k, np.arctan2(M[1, 0], M[0, 0]) * signs[k] * signs[k + 1]) for k, M in part]
        signs = np.sign(diagonal)
    # Behind the last rotation now: back through them, R diag(a, b) = diag(a, b) R^(ab).
    wanted = np.cumprod(signs) < 0
    result = []
    for k, t in reversed(turns):
        t = t * signs[k] * signs[k + 1]
        if wanted[k]:
            t, wanted[k] = t + np.pi, False
            signs[k : k + 2] *= -1
        result.append((k, t, 0.0))
    return result[::-1], signs


def _phase(z):
    """z / |z|, 1 for zero."""
    return z / abs(z) if z else 1.0
