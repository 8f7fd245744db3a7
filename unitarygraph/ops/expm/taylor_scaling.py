r"""Degree and scaling of the Taylor polynomials of exp: the cheapest that truncate below rounding.

They come from the norms of the powers of A that the polynomial needs anyway, in the manner of
Al-Mohy and Higham, SIAM J. Matrix Anal. Appl. 31 (2009) 970. Bounds from entries,
:math:`\|X\|_2 \le \min(\|X\|_F, \sqrt{\|X\|_1 \|X\|_\infty})`, may lie above the 2-norm by a factor
of :math:`\sqrt n`, and power iteration below it by any. So a scaling is taken where the bounds
promise a truncation below half an epsilon, or where the iteration does and the bounds promise n
times as much, which is what a product of n x n matrices may round off: a singular vector that hides
from the iteration can do no more harm than this.
"""

from fractions import Fraction
from functools import cache
from math import ceil, comb, factorial, floor, inf, log2

import numpy as np

from unitarygraph.core.blas import frobenius_norm, norm_bound, spectral_norm
from unitarygraph.ops.expm.taylor_polynomials import multiply

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
# Up to here a doubled matrix is finite where its norm is below `NORM_LIMIT`.
MOST_DOUBLINGS = 60
# From this size on another look at the norms costs less than the product it may save.
LARGE = 128
PLACES = {1: 0, 2: 1, 3: 2, 6: 3}
EPS = {name: float(np.finfo(name).eps) for name in LIMITS}


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
