"""Matrices of the structured parametrizations, factor by factor in NumPy."""

import numpy as np
import scipy.linalg
from op_table import numpy_rotations


def known(parametrization):
    """Values of params in double, by the last part of their names."""
    return {
        v.name.rpartition("/")[2]: v.get_value().astype("float64") for v in parametrization.params
    }


def reflection(v):
    """I - 2 v v^H / (v^H v)."""
    return np.eye(len(v)) - 2 * np.outer(v, v.conj()) / np.vdot(v, v)


def fourier_reflection(parametrization):
    """D3 R2 F^-1 D2 Pi R1 F D1."""
    p, n = known(parametrization), parametrization.n
    D1, D2, D3 = (np.diag(np.exp(1j * t)) for t in p["theta"])
    R1, R2 = (reflection(v) for v in p["v"][0] + 1j * p["v"][1])
    F = scipy.linalg.dft(n, scale="sqrtn")
    Pi = np.zeros((n, n))
    Pi[parametrization.permutation, np.arange(n)] = 1
    return D3 @ R2 @ np.linalg.inv(F) @ D2 @ Pi @ R1 @ F @ D1


def givens(parametrization):
    """F_1 ... F_L D, or D F_1 ... F_L."""
    p, n = known(parametrization), parametrization.n
    if parametrization.field == "real":
        return numpy_rotations(np.eye(n), p["theta"], parametrization.style).real
    layers = numpy_rotations(np.eye(n), p["theta"] + 1j * p["phi"], parametrization.style)
    D = np.diag(np.exp(1j * p["omega"]))
    return D @ layers if parametrization.diagonal == "first" else layers @ D


def givens_count(n, layers, field):
    """Angles of the pairs that there are, and phases: layer l pairs neighbors from l mod 2 on."""
    pairs = sum((n - layer % 2) // 2 for layer in range(layers))
    return 2 * pairs + n if field == "complex" else pairs
