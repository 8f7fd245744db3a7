r"""Taylor polynomials of exp of few products, and their values at block matrices.

Degrees 4, 8, 12 and 18 take 2, 3, 4 and 5 products of matrices and no linear system. Each is

.. math:: P_3 + (P_4 + U)(P_5 + c U), \quad U = P_0 + P_1 P_2,

every P_i a combination of I and a few powers of A (degree 4 ends at U). Source: Bader, Blanes and
Casas, Mathematics 7 (2019) 1174.

A block matrix, (k+1) x (k+1), upper triangular with equal blocks on the diagonal, is an array
``(1 + k(k+1)/2, n, n)`` of the diagonal block and those above it. With k = 1 these are pairs,
(X, dX)(Y, dY) = (X Y, X dY + dX Y): three products in place of eight.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from unitarygraph.core.blas import blas_function


@dataclass(frozen=True)
class Polynomial:
    """Powers of A beside I, rows P_0, P_1, ... of coefficients of I and these powers, and c."""

    powers: tuple[int, ...]
    rows: tuple[tuple[float, ...], ...]
    c: float = 1.0


def _degree_8():
    """Sastre's scheme, in closed form: formulas (15) and (16) of Bader, Blanes and Casas."""
    root = 177**0.5
    x3 = 2 / 3
    x1, x2 = x3 * (1 + root) / 88, x3 * (1 + root) / 352
    x4, x5 = (29 * root - 271) / (315 * x3), 11 * (root - 1) / (1260 * x3)
    x6, x7 = 11 * (root - 9) / (5040 * x3), (89 - root) / (5040 * x3**2)
    y2 = (857 - 58 * root) / 630
    rows = ((0, 0, 0), (0, 0, 1), (0, x1, x2), (1, 1, y2), (0, 0, x3), (x4, x5, x6))
    return Polynomial((1, 2), rows, x7)


SQUARED = (
    -2.0861320e-13,
    -1.3181061013830184015e-01,
    -2.027855540589259079e-02,
    -6.75951846863086359e-03,
)
POLYNOMIALS = {
    4: Polynomial((1, 2), ((1, 1, 0), (0, 0, 1), (1 / 2, 1 / 6, 1 / 24))),
    8: _degree_8(),
    12: Polynomial(
        (1, 2, 3),
        (
            (
                1.8188869982170434744e-01,
                5.502798439925399070e-02,
                9.351590770535414968e-02,
                6.10700528898058230e-03,
            ),
            SQUARED,
            SQUARED,
            (
                9.0198e-16,
                4.6932117595418237389e-01,
                -2.0099424927047284052e-01,
                -4.623946134063071740e-02,
            ),
            (
                5.31597895759871264183e00,
                1.19926790417132231573e00,
                1.179296240992997031e-02,
                1.108844528519167989e-02,
            ),
        ),
    ),
    18: Polynomial(
        (1, 2, 3, 6),
        (
            (
                -9.04316832390810593223e-02,
                -6.76404519071381882256e-02,
                6.75961301770459654925e-02,
                2.95552570429315521194e-02,
                -1.39180257516060693404e-05,
            ),
            (
                0,
                -1.00365581030144618291e-01,
                -8.02924648241156932449e-03,
                -8.92138498045729985177e-04,
                0,
            ),
            (
                0,
                0,
                -9.23364619367118555360e-02,
                -1.69364939002081722752e-02,
                -1.40086798182036094347e-05,
            ),
            (
                0,
                3.97849749499645077844e-01,
                1.36783778460411720168e00,
                4.98289622525382669416e-01,
                -6.37898194594723280150e-04,
            ),
            (
                -1.09676396052962061844e01,
                1.68015813878906206114e00,
                5.71779846478865511061e-02,
                -6.98210122488052056106e-03,
                3.34975017086070470649e-05,
            ),
        ),
    ),
}


def blas_of(a, name):
    """SciPy's BLAS function for the dtype of a."""
    return blas_function(name, a.dtype.char)


@cache
def blocks(k):
    """Place in the array of each block (i, j), 0 <= i <= j <= k."""
    above = [(i, j) for i in range(k) for j in range(i + 1, k + 1)]
    return {(i, i): 0 for i in range(k + 1)} | {key: p for p, key in enumerate(above, start=1)}


def multiply(x, y, out, k, add=False):
    """Product of block matrices into ``out``, or added to what is there."""
    gemm, index = blas_of(x, "gemm"), blocks(k)
    for (i, j), place in index.items():
        if i < j or i == 0:
            for m in range(i, j + 1):
                # Row-major arrays are their transposes to BLAS: (X Y)^T = Y^T X^T.
                left, right = y[index[m, j]].T, x[index[i, m]].T
                gemm(1, left, right, float(add or m > i), out[place].T, overwrite_c=True)
    return out


@cache
def coefficients(polynomial, doublings, dtype):
    """Those of the powers of 2^doublings A, a row for each power, and those of I, a column."""
    rows = np.array(polynomial.rows)
    factors = rows[:, 1:] * 2.0 ** (doublings * np.array(polynomial.powers))
    return factors.astype(dtype).T, rows[:, :1].astype(dtype)


def evaluate(polynomial, powers, k, doublings):
    """Polynomial at 2^doublings times the block matrix whose powers are given."""
    count, places, n, _ = powers.shape
    real = powers.real.dtype
    factors, units = coefficients(polynomial, doublings, real.name)
    # All combinations as one product of real matrices, which reads each power once.
    flat = powers.reshape(count, -1).view(real)
    flat = blas_of(flat, "gemm")(1, flat.T, factors).T
    p = flat.view(powers.dtype).reshape(len(units), places, n, n)
    # Entries (i, i) of each combination's diagonal block.
    p.reshape(len(units), -1)[:, : n * n : n + 1] += units
    u = multiply(p[1], p[2], p[0], k, add=True)
    if len(p) == 3:
        return u
    p[4] += u
    if len(p) == 6:
        p[5] += real.type(polynomial.c) * u
        u = p[5]
    return multiply(p[4], u, p[3], k, add=True)
