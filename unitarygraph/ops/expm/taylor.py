r"""`ExpmPath` for one matrix: Taylor polynomials of few products, scaling and squaring.

Degrees 4, 8, 12 and 18 take 2, 3, 4 and 5 products of matrices and no linear system. Each is

.. math:: P_3 + (P_4 + U)(P_5 + c U), \quad U = P_0 + P_1 P_2,

every P_i a combination of I and a few powers of A (degree 4 ends at U). Source: Bader, Blanes and
Casas, Mathematics 7 (2019) 1174.

The scaling comes from the norms of the powers of A that the polynomial needs anyway, in the manner of
Al-Mohy and Higham, SIAM J. Matrix Anal. Appl. 31 (2009) 970. Bounds from entries,
:math:`\|X\|_2 \le \min(\|X\|_F, \sqrt{\|X\|_1 \|X\|_\infty})`, may lie above the 2-norm by a factor
of :math:`\sqrt n`, and power iteration below it by any. So a scaling is taken where the bounds
promise a truncation below half an epsilon, or where the iteration does and the bounds promise n
times as much, which is what a product of n x n matrices may round off: a singular vector that hides
from the iteration can do no more harm than this.

A block matrix, (k+1) x (k+1), upper triangular with equal blocks on the diagonal, is an array
``(1 + k(k+1)/2, n, n)`` of the diagonal block and those above it. With k = 1 these are pairs,
(X, dX)(Y, dY) = (X Y, X dY + dX Y): three products in place of eight.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import ceil, comb, factorial, floor, frexp, inf, ldexp, log2

import numpy as np

from unitarygraph.core.blas import blas_function, frobenius_norm, norm_bound, spectral_norm


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
# Degrees with the largest norm of A at which the truncation of exp A and of its derivative is below
# rounding: log(e^{-x} T(x)) = sum c_k x^k, and sum k |c_k| norm^(k-1) is half an epsilon.
LIMITS = {
    "float64": ((4, 2.27e-4), (8, 3.79e-2), (12, 2.42e-1), (18, 9.31e-1)),
    "float32": ((4, 3.42e-2), (8, 4.45e-1), (12, 1.196), (18, 2.59)),
}
# From order 18 on, not even the zero matrix leaves degree 18 a derivative that is exact to rounding.
HIGHEST_ORDER = 17
# The powers may save squarings only as far as the norm itself stays below: what a product rounds off
# grows with the norms of its factors, however small it is.
NORM_LIMIT = 3.0
# Power iteration ends below the norm, mostly by less than this.
SAFETY = 1.1


def path_exponential(a, directions):
    """:math:`P_k` of `ExpmPath` for one matrix A and a sequence of k directions.

    Degree and scaling come from A alone: the result is linear in each direction, whose magnitude is
    taken out first (as a power of two, so exactly) and put back at the end. NaN for what is not finite.
    """
    k, (n, _) = len(directions), a.shape
    real = a.real.dtype.name
    exponents = [exponent(largest_entry(e)) for e in directions]
    norm, doublings = frobenius_norm(a), 0
    if not norm < inf:
        # The norm may overflow where no entry does.
        doublings = n.bit_length() + 1
        norm = frobenius_norm(times_power_of_two(a, -doublings))
    if not norm < inf or inf in exponents:
        return np.full_like(a, np.nan)
    if None in exponents:
        return np.zeros_like(a)

    index, limits = blocks(k), limits_of_order(real, k)
    # The scaling that is safe in any case; the powers may show that less will do.
    degree, limit = next((row for row in limits if norm <= row[1] and not doublings), limits[-1])
    squarings = 0
    if doublings or norm > limit:
        squarings = doublings + max(0, ceil(log2(norm) - log2(limit)))
    # Directions are scaled as A is, but not into denormal numbers: what is left out here is made up
    # for at the first squarings, which A's powers never spare so many of.
    left = max(0, squarings - MOST_HALVINGS[real])
    powers = np.empty((len(POLYNOMIALS[degree].powers), 1 + k * (k + 1) // 2, n, n), a.dtype)
    powers[0, 0] = times_power_of_two(a, -squarings)
    if k > 1:
        powers[0, 1:] = 0
    for i, (e, p) in enumerate(zip(directions, exponents, strict=True)):
        powers[0, index[i, i + 1]] = times_power_of_two(e, -p - squarings + left)
    multiply(powers[0], powers[0], powers[1], k)
    spared = 0
    if degree > 8:
        scaling = Scaling(powers[0, 0], ldexp(norm, doublings - squarings), k)
        degree, spared = scaling.reduced(degree, squarings, powers, k)
    polynomial = POLYNOMIALS[degree]
    x = evaluate(polynomial, powers[: len(polynomial.powers)], k, spared)
    spare = powers[0]
    for squaring in range(squarings - spared):
        if squaring < left:
            for (i, j), place in index.items():
                x[place] *= x.real.dtype.type(0.5 ** (j - i))
        x, spare = multiply(x, x, spare, k), x
    return times_power_of_two(x[index[0, k]], sum(exponents))


def largest_entry(e):
    """Largest magnitude of a real or imaginary part; NaN goes through."""
    return float(np.abs(e.view(e.real.dtype)).max(initial=0))


def exponent(size):
    """The power of two of a magnitude: None for 0, infinity where it is no number."""
    return frexp(size)[1] - 1 if 0 < size < inf else None if size == 0 else inf


def times_power_of_two(x, p):
    """2^p X, exactly wherever it can be; a product with a denormal number or its inverse is not."""
    plain, real = np.ascontiguousarray(x), x.real.dtype
    flat = plain.view(real)
    info = np.finfo(real)
    if info.minexp <= p < info.maxexp:
        return (flat * real.type(2.0**p)).view(x.dtype)
    return np.ldexp(flat, p).view(x.dtype)


@cache
def truncation(degree):
    """|c_k| of log(e^{-x} T(x)) = sum c_k x^k, k = 0, ..., degree + 10, T of a degree."""
    terms = degree + 11
    inverse = [Fraction((-1) ** i, factorial(i)) for i in range(terms)]
    taylor = [Fraction(1, factorial(i)) if i <= degree else Fraction(0) for i in range(terms)]
    p = [sum(inverse[j] * taylor[i - j] for j in range(i + 1)) for i in range(terms)]
    c = [Fraction(0)] * terms
    for k in range(1, terms):
        c[k] = p[k] - sum(j * c[j] * p[k - j] for j in range(1, k)) / k
    return np.array([abs(float(x)) for x in c])


@cache
def limits_of_order(dtype, k):
    r"""`LIMITS` for the derivatives up to the k-th; -1 where a degree serves no matrix.

    The block (0, q) of log(e^{-X} T(X)), X bidiagonal, is below :math:`\sum_j \binom{j}{q} |c_j|
    \|A\|^{j-q}` times the norms of the directions, where that of X's exponential is near 1/q! times
    these: what must be below half an epsilon is the q-th derivative of :math:`\sum |c_j| x^j`.
    """
    return tuple(
        (degree, limit_of_order(degree, dtype, k, limit)) for degree, limit in LIMITS[dtype]
    )


def limit_of_order(degree, dtype, k, limit):
    """Largest norm below ``limit`` at which orders 2, ..., k stay exact to rounding."""
    half = float(np.finfo(dtype).eps) / 2
    c = truncation(degree)
    for q in range(2, k + 1):
        weights = [factorial(q) * comb(j, q) * float(c[j]) for j in range(q, len(c))]

        def excess(x, weights=weights):
            return sum(w * x**i for i, w in enumerate(weights)) > half

        if excess(0.0):
            # The degree is below the order: not even the zero matrix will do.
            return -1.0
        low, high = 0.0, limit
        if excess(high):
            for _ in range(60):
                middle = (low + high) / 2
                low, high = (low, middle) if excess(middle) else (middle, high)
            limit = low
    return limit


class Scaling:
    """Which degree and scaling the powers of a scaled matrix allow for derivatives of order k.

    ``norm`` is the Frobenius norm of the scaled matrix a.
    """

    def __init__(self, a, norm, k):
        self._a, self._norm, self._order, self._size = a, norm, k, len(a)
        real = a.real.dtype.name
        self._limits = dict(limits_of_order(real, k))
        self._half = EPS[real] / 2
        self._bounds = {1: norm}
        self._estimate = None

    @property
    def estimate(self):
        """Estimate of the 2-norm of the scaled matrix."""
        if self._estimate is None:
            self._estimate = min(self._norm, SAFETY * spectral_norm(self._a))
        return self._estimate

    def reduced(self, degree, squarings, powers, k):
        """The least degree, 18 with the least scaling, that serves: how far to double, and the powers."""
        for power, lower in ((2, 8), (3, 12)):
            self._bounds[power] = frobenius_norm(powers[power - 1, 0])
            if lower < degree and self._serves(lower, squarings):
                return lower, squarings
            if power == 2:
                multiply(powers[0], powers[1], powers[2], k)
            if degree == 12:
                return 12, 0
        multiply(powers[2], powers[2], powers[3], k)
        return 18, self._doublings(powers, squarings) if squarings else 0

    def _serves(self, degree, doublings):
        """Whether a degree's truncation is below rounding at 2^doublings times the matrix."""
        limit = self._limits[degree]
        # The 2-norm is no smaller than this, and so is its estimate. A norm that overflows when
        # doubled has no degree below 18.
        least = self._norm / self._size**0.5
        if doublings > MOST_DOUBLINGS or least * 2.0**doublings > limit:
            return False
        tail = self._tail(degree, doublings)
        if tail <= self._half:
            return True
        return tail <= self._half * self._size and self.estimate * 2.0**doublings <= limit

    def _doublings(self, powers, squarings):
        """How many of the squarings degree 18 can do without."""
        sixth = powers[3, 0]
        self._bounds[6] = frobenius_norm(sixth)
        least = self._norm / self._size**0.5
        most = min(squarings, MOST_DOUBLINGS, max(0, floor(log2(NORM_LIMIT / least))))
        if not most:
            return 0
        proven, enough = self._proven(most)
        if enough and self._norm * 2.0**enough > NORM_LIMIT:
            most = max(0, min(most, floor(log2(NORM_LIMIT / self.estimate))))
            proven, enough = min(proven, most), min(enough, most)
        if enough == proven < most and self._size >= LARGE:
            # Frobenius' norms may be too large by sqrt(n) each.
            reach = self._reach(sixth)
            if reach > enough:
                self._bounds |= {p: norm_bound(powers[i, 0]) for p, i in PLACES.items()}
                proven, enough = self._proven(min(most, reach))
        if enough > proven:
            return max(proven, min(enough, self._reach(sixth)))
        return proven

    def _proven(self, most):
        """Doublings, up to some, by which the bounds prove half an epsilon, and n times as much."""
        tail = self._tail(18, most)
        if tail <= self._half:
            return most, most
        # Each term of the tail has so many factors of A at least: of half the matrix it is 2^-factors.
        factors = 19 - max(self._order, 1)
        excess = log2(tail / self._half) if tail < inf else inf
        found = []
        for allowed in (0, log2(self._size)):
            fewer = (excess - allowed) / factors
            found.append(max(0, most - max(0, ceil(fewer))) if fewer < most else 0)
        return tuple(found)

    def _reach(self, sixth):
        """Doublings by which the estimates promise half an epsilon.

        In the derivative's first term that degree 18 leaves out, A stands i and 18 - i times around
        E, so its norm is below 19 ||A^6||^2 ||A||^6 ||E||.
        """
        root = (SAFETY * spectral_norm(sixth)) ** (1 / 9) * self.estimate ** (1 / 3)
        root = min(self.estimate, root)
        reach = min(self._limits[18] / root, NORM_LIMIT / self.estimate) if root else inf
        return max(0, floor(log2(reach))) if reach < inf else MOST_DOUBLINGS

    def _tail(self, degree, doublings):
        r"""Bound of the truncation by what is known of the norms of all powers.

        :math:`\max_q q! \sum_j |c_j| \sum \beta_{i_0} \cdots \beta_{i_q}` over
        :math:`i_0 + \dots + i_q = j - q`, 1 <= q <= k, with :math:`\beta_i \ge \|A^i\|`: A stands
        j - q times, in q + 1 places around q directions. For the value alone,
        :math:`\|h(A)\| \le \|A\| \sum |c_j| \beta_{j-1}`. With
        :math:`\beta_{6p+r} = \|A^6\|^p \beta_r` what depends on p is a table, `weights`.
        """
        one, two = self._bounds[1], self._bounds[2]
        three = self._bounds.get(3, one * two)
        six = self._bounds.get(6, min(two * two * two, three * three))
        two, three = min(two, one * one), min(three, one * two)
        four = min(two * two, one * three)
        factor = 2.0**doublings
        sixth = min(six, three * three, two * two * two) * factor**6
        residues = (1.0, one, two, three, four, min(two * three, one * four))
        residues = [x * factor**r for r, x in enumerate(residues)]
        sixths, paths, tail = sixth ** np.arange(6.0), residues, 0.0
        for q in range(min(self._order, 1), self._order + 1):
            paths = np.convolve(paths, residues) if q else paths
            tail = max(tail, float(paths @ weights(degree, q) @ sixths))
        return tail if tail == tail else inf


# Halvings of a direction, its largest part near 1 before, after which the denormal numbers are still
# further than any accuracy.
MOST_HALVINGS = {"float64": 512, "float32": 64}
# Up to here a doubled matrix is finite where its norm is below `NORM_LIMIT`.
MOST_DOUBLINGS = 60
# From this size on another look at the norms costs less than the product it may save.
LARGE = 128
PLACES = {1: 0, 2: 1, 3: 2, 6: 3}
EPS = {name: float(np.finfo(name).eps) for name in LIMITS}


@cache
def weights(degree, q):
    r"""W with :math:`\sum_{r,p} P_r W_{rp} s^p`, the bound of order q: see `Scaling`.

    P_r is the sum of products of q + 1 bounds of powers below the sixth, r factors of A in all; p
    times the sixth power can be in q + 1 places in :math:`\binom{p+q}{q}` ways. With q = 0 there is
    one factor of A beside.
    """
    c = truncation(degree)
    table = np.zeros((5 * (q + 1) + 1, 6))
    for r, p in np.ndindex(table.shape):
        if (j := 6 * p + r + max(q, 1)) < len(c):
            table[r, p] = factorial(q) * comb(p + q, q) * c[j]
    return table


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
