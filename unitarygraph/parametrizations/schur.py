"""Schur forms of NumPy matrices with blocks as `NonNormal` needs them."""

import numpy as np
import scipy.linalg


def complex_schur(W):
    """P unitary and S upper triangular with W = P S P^H."""
    S, P = scipy.linalg.schur(W, output="complex")
    return P, S


def real_schur(W, eps):
    """P in SO(n) and S block triangular with W = P S P^T, of 2 x 2 blocks [[a, b], [c, a]].

    An odd n leaves the last entry alone. The order of the blocks matters to their form: of the planes
    that W maps to themselves, one on which it is a multiple of a rotation is split off first, where
    there is one; LAPACK's Schur form has another order and blocks of one real eigenvalue. One
    eigenvalue problem for each block, one Schur form for a W that is normal to the precision ``eps``.
    """
    n, size = len(W), np.linalg.norm(W)
    normal = np.linalg.norm(W @ W.T - W.T @ W) <= 10 * n * eps * size**2
    P = _normal_basis(W, eps) if normal else np.eye(n)
    S = P.T @ W @ P
    for j in range(0, n - 1, 2):
        Q = np.eye(n)
        if not normal:
            Q[j:, j:] = scipy.linalg.qr(_plane(S[j:, j:]))[0]
        S, P = Q.T @ S @ Q, P @ Q
        S[j + 2 :, j : j + 2] = 0
        # Turned by this angle a block's diagonal entries become equal.
        (a, b), (c, d) = S[j : j + 2, j : j + 2]
        angle = np.arctan2(d - a, b + c) / 2 if a != d else 0.0
        Q = np.eye(n)
        Q[j : j + 2, j : j + 2] = _rotation(angle)
        S, P = Q.T @ S @ Q, P @ Q
        S[j, j] = S[j + 1, j + 1] = (S[j, j] + S[j + 1, j + 1]) / 2
    if np.linalg.det(P) < 0:
        P[:, -1] = -P[:, -1]
        S[:, -1] = -S[:, -1]
        S[-1] = -S[-1]
    return P, S


def _plane(W):
    """Two real vectors whose span W maps to itself, ``(n, 2)``; a conformal one where there is."""
    n = len(W)
    if n == 2:
        return np.eye(2)
    eigenvalues, vectors = np.linalg.eig(W)
    pairs = np.flatnonzero(eigenvalues.imag > 0)
    if pairs.size:
        # x + iy with x, y orthogonal and of one length has no square.
        v = vectors[:, pairs]
        best = v[:, np.abs((v * v).sum(axis=0)).argmin()]
        return np.stack([best.real, best.imag], axis=1)
    order = np.argsort(eigenvalues.real)
    gap = np.diff(eigenvalues.real[order]).argmin()
    return vectors[:, order[[gap, gap + 1]]].real


def _normal_basis(W, eps):
    """Schur vectors of a normal matrix: complex pairs, then pairs of equal real eigenvalues, the rest."""
    S, P = scipy.linalg.schur(W, output="real")
    first = [j for j in range(len(W) - 1) if S[j + 1, j] != 0]
    order = [k for j in first for k in (j, j + 1)]
    single = sorted(set(range(len(W))) - set(order), key=lambda j: S[j, j])
    alone, limit = [], len(W) * eps**0.5 * np.abs(S).max()
    while single:
        j = single.pop()
        if single and S[j, j] - S[single[-1], single[-1]] <= limit:
            order += [j, single.pop()]
        else:
            alone.append(j)
    return P[:, order + alone]


def _rotation(angle):
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s], [s, c]])
