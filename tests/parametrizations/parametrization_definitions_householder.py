"""Products of reflections, SVD, non-normal, Kronecker and dissolved matrices by NumPy."""

from functools import reduce

import numpy as np
import scipy.linalg

from unitarygraph.parametrizations.initializers import haar
from unitarygraph.stacked.algebra import algebra


def numbers(parametrization):
    """Values in double by the last part of their names, matrices as NumPy complex (real) ones."""
    load, axes = algebra(parametrization.field).to_numpy, parametrization.matrices.axes
    found = {
        v.name.rpartition("/")[2]: np.array(v.get_value()).astype("float64")
        for v in parametrization.params
    }
    return {k: load(v) if v.ndim >= axes else v for k, v in found.items()}


def reflections(V):
    """H_1 ... H_m of the columns of V, of which the entries above the diagonal are not read."""
    identity = np.eye(len(V))
    V = np.tril(V)
    return reduce(
        np.matmul,
        [identity - 2 * np.outer(v, v.conj()) / np.vdot(v, v).real for v in V.T if v.any()],
        identity,
    )


def householder(p):
    known = numbers(p)
    return (
        reflections(known["V"]) * np.exp(1j * known["phases"])
        if "phases" in known
        else (reflections(known["V"]))
    )


def svd(p):
    q = numbers(p)["q"]
    s = 1 + 2 * p.margin * (1 / (1 + np.exp(-q)) - 0.5)
    return householder(p.left) @ np.diag(s) @ householder(p.right).conj().T


def nonnormal(p):
    known, n = numbers(p), p.n
    A = np.triu(known["A"], 1)
    A = A - A.conj().T
    if p.field == "complex":
        P = scipy.linalg.expm(A + 1j * np.diag(np.diagonal(known["A"]).imag))
        diagonal = np.diag(known["gamma"] * np.exp(1j * known["theta"]))
        return P @ (diagonal + np.triu(known["T"], 1)) @ P.conj().T
    P = scipy.linalg.expm(A)
    blocks = [
        gamma * np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
        for gamma, t in zip(known["gamma"], known["theta"], strict=False)
    ]
    blocks += [known["gamma"][-1:, None]] * (n % 2)
    T = np.triu(known["T"], 1)
    if not p.published:
        for i in range(0, n - 1, 2):
            T[i, i + 1] = 0
    return P @ (scipy.linalg.block_diag(*blocks) + T) @ P.T


def near_normal(rng, n, field):
    """Any matrix; in the real field one that has a Schur form of blocks that are scaled rotations."""
    if field == "complex":
        return rng.standard_normal((n, n)) + 1j * rng.standard_normal((n, n))
    S = np.triu(rng.standard_normal((n, n)), 1)
    for i in range(0, n - 1, 2):
        a, b = rng.standard_normal(2)
        S[i : i + 2, i : i + 2] = [[a, -b], [b, a]]
    if n % 2:
        S[-1, -1] = rng.standard_normal()
    P = haar(rng, n, field)
    return P @ S @ P.T


def kronecker(p):
    """Of free factors, or of exponentials."""
    known = numbers(p)
    factors = [known[str(f)] for f in range(len(p.sizes))]
    if p.unitary:
        for f, A in enumerate(factors):
            upper = np.triu(A, 1)
            imaginary = 1j * np.diag(np.diagonal(A).imag) if p.field == "complex" else 0
            factors[f] = scipy.linalg.expm(upper - upper.conj().T + imaginary)
    return reduce(np.kron, factors)


def kronecker_product(sizes):
    """Draw of a product of Haar-distributed factors of the sizes that belong to n."""

    def draw(rng, n, field):
        return reduce(np.kron, [haar(rng, p, field) for p in sizes(n)])

    return draw


def dissolved(p):
    X = numbers(p)["X"]
    return X @ (1.5 * np.eye(p.n) - 0.5 * X.conj().T @ X)


def few_reflections(rng, n, field):
    z = rng.standard_normal((n, 2))
    return reflections(z + 1j * rng.standard_normal((n, 2)) if field == "complex" else z)


def within_margin(rng, n, field):
    """Singular values within 0.1 of 1."""
    u, v = haar(rng, n, field), haar(rng, n, field)
    return (u * rng.uniform(0.9, 1.1, n)) @ v
