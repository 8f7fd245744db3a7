r"""Scaling of the Taylor polynomials of exp for small matrices: by norms that nothing hides from.

As `unitarygraph.ops.expm.taylor_scaling` says it for one matrix, with Frobenius' norms and the first
derivative's bound alone, so that the value and its derivative are of one function. How often a
matrix is still to be squared is a power of two for each lane, ``left``: 1 / 2^16 where no more, since it
may exceed the largest number otherwise.
"""

import numpy as np
from numba import njit

from unitarygraph.kernels.small.lane_numbers import (
    any_lane,
    at,
    choose,
    larger,
    power_of_two_below,
    put,
    real,
    sqrt,
    square,
    zero_of,
)
from unitarygraph.kernels.small.matrices import largest_entry, least_normal
from unitarygraph.kernels.small.products import OPTIONS
from unitarygraph.ops.expm.taylor_scaling import LIMITS, NORM_LIMIT, weights

# ``left`` of a matrix that is not to be squared.
NONE = 2.0**-16
LOW, HIGH = 8, 18
# Norms up to which a polynomial serves without scaling: (degree, precision).
LOW_DOUBLE, HIGH_DOUBLE = (dict(LIMITS["float64"])[degree] for degree in (LOW, HIGH))
LOW_SINGLE, HIGH_SINGLE = (dict(LIMITS["float32"])[degree] for degree in (LOW, HIGH))
WEIGHTS = np.ascontiguousarray(weights(HIGH, 1))
# Each term of the derivative that degree 18 leaves out has so many factors of A at least.
FACTORS = 18
# Halvings of a direction, near 1 before, after which denormal numbers are still far away, as powers
# of two: those of `unitarygraph.ops.expm.taylor`.
MOST_DOUBLE, MOST_SINGLE = 2.0**512, 2.0**64


@njit(**OPTIONS)
def is_double(a):
    """Whether an array is of float64: known to the compiler."""
    return np.finfo(a.dtype).eps < 1e-10


@njit(**OPTIONS)
def norm_of(a):
    """Frobenius' norm, of matrices whose entries have squares."""
    total = real(zero_of(a))
    for i in range(a.shape[-3]):
        for j in range(a.shape[-2]):
            total += square(at(a, i, j))
    return sqrt(total)


@njit(**OPTIONS)
def power_near(a):
    """A power of two by which A's largest entry is near 1, or all are smaller."""
    return power_of_two_below(larger(largest_entry(a, 0.25), least_normal(a)))


@njit(**OPTIONS)
def multiply_entries(a, x):
    """a becomes x a, x real."""
    for i in range(a.shape[-3]):
        for j in range(a.shape[-2]):
            put(a, i, j, at(a, i, j) * x)


@njit(**OPTIONS)
def multiply_to(a, x, c):
    """c = x a, x real."""
    for i in range(a.shape[-3]):
        for j in range(a.shape[-2]):
            put(c, i, j, at(a, i, j) * x)


@njit(**OPTIONS)
def halved(a):
    """A becomes so small a part of it that degree 18 serves: ``left`` and the new norm."""
    limit = HIGH_DOUBLE if is_double(a) else HIGH_SINGLE
    power = power_near(a)
    for i in range(a.shape[-3]):
        for j in range(a.shape[-2]):
            put(a, i, j, at(a, i, j) / power)
    norm = norm_of(a)
    above = 2.0 * power_of_two_below(larger(norm / limit, least_normal(a)))
    left = power * NONE * above
    due = left > NONE
    factor = choose(due, 1.0 / above, power)
    multiply_entries(a, factor)
    return choose(due, left, NONE), norm * factor


@njit(**OPTIONS)
def low_serves(a, norm):
    """Whether degree 8 serves in all lanes."""
    return not any_lane(norm > (LOW_DOUBLE if is_double(a) else LOW_SINGLE))


@njit(**OPTIONS)
def tail(one, two, three, six, f):
    """Bound of what degree 18 leaves out at f A, given norms of A's powers."""
    two = -larger(-two, -one * one)
    three = -larger(-three, -one * two)
    four = -larger(-two * two, -one * three)
    five = -larger(-two * three, -one * four)
    six = -larger(-six, larger(-three * three, -two * two * two))
    f2 = f * f
    f3 = f2 * f
    six = six * f3 * f3
    p1, p2, p3, p4, p5 = one * f, two * f2, three * f3, four * (f2 * f2), five * (f3 * f2)
    zero = one * 0.0
    total, power = zero, zero + 1.0
    for p in range(WEIGHTS.shape[1]):
        paths = zero + WEIGHTS[0, p]
        paths += p1 * (2.0 * WEIGHTS[1, p])
        paths += (p2 * 2.0 + p1 * p1) * WEIGHTS[2, p]
        paths += (p3 + p1 * p2) * (2.0 * WEIGHTS[3, p])
        paths += ((p4 + p1 * p3) * 2.0 + p2 * p2) * WEIGHTS[4, p]
        paths += (p5 + p1 * p4 + p2 * p3) * (2.0 * WEIGHTS[5, p])
        paths += ((p1 * p5 + p2 * p4) * 2.0 + p3 * p3) * WEIGHTS[6, p]
        paths += (p2 * p5 + p3 * p4) * (2.0 * WEIGHTS[7, p])
        paths += (p3 * p5 * 2.0 + p4 * p4) * WEIGHTS[8, p]
        paths += p4 * p5 * (2.0 * WEIGHTS[9, p])
        paths += p5 * p5 * WEIGHTS[10, p]
        total += paths * power
        power = power * six
    return total


@njit(**OPTIONS)
def doubled(a, a2, a3, a6, norm, left):
    """The power of two by which the halved A may grow again, as its powers' norms allow."""
    two, three, six = norm_of(a2), norm_of(a3), norm_of(a6)
    most = power_of_two_below(NORM_LIMIT / norm)
    f = choose(most * NONE <= left, most, left / NONE)
    f = choose(left > NONE, f, 1.0)
    excess = tail(norm, two, three, six, f) * (2.0 / np.finfo(a.dtype).eps)
    above = (excess > 1.0) & (f > 1.0)
    while any_lane(above):
        f = choose(above, f * 0.5, f)
        excess = choose(above, excess * 2.0**-FACTORS, excess)
        above = (excess > 1.0) & (f > 1.0)
    return f


@njit(**OPTIONS)
def normalized(e, d, left):
    """d = e over a power of two and over ``left``, but not all of it where that is too much.

    Returns the power, and by how much more d is to be divided.
    """
    power = power_near(e)
    most = (MOST_DOUBLE if is_double(e) else MOST_SINGLE) * NONE
    now = -larger(-left, left * 0.0 - most)
    factor = NONE / now
    for i in range(e.shape[-3]):
        for j in range(e.shape[-2]):
            put(d, i, j, at(e, i, j) / power * factor)
    return power, left / now
