r"""Exponentials of small matrices and their Frechet derivatives, of any and of skew-Hermitian ones.

Taylor polynomials of degree 8 and 18 of few products, scaling and squaring, in lanes:
`unitarygraph.ops.expm.taylor` for many matrices at once, or for one that is small. Of a skew-Hermitian
matrix the square's factor of what is lost in unitarity is undone by a step of Newton's and Schulz's
iteration for the polar factor, :math:`U + \frac12 U (I - U^H U)`, which squares it.

The products are the steps of one loop that has one place for a product and one for a combination of
powers: LLVM, which takes seconds for each place, meets them once.
"""

from functools import cache

import numpy as np
from numba import njit

from unitarygraph.kernels.small.driver import LaneFunction
from unitarygraph.kernels.small.expm_scaling import (
    HIGH,
    LOW,
    NONE,
    doubled,
    halved,
    is_double,
    low_serves,
    multiply_entries,
    multiply_to,
    normalized,
)
from unitarygraph.kernels.small.lane_numbers import (
    any_lane,
    at,
    choose,
    larger,
    put,
    put_entry,
    real,
    size1,
    zero_of,
)
from unitarygraph.kernels.small.matrices import hconj
from unitarygraph.kernels.small.products import OPTIONS, add_product, add_to_diagonal
from unitarygraph.ops.expm.taylor_polynomials import POLYNOMIALS

# Coefficients of I, A, A^2, A^3, A^6 in P_0, ..., P_5 of `taylor_polynomials`, and c.
TABLE = np.zeros((2, 6, 5))
for _i, _degree in enumerate((LOW, HIGH)):
    for _row, _coefficients in enumerate(POLYNOMIALS[_degree].rows):
        TABLE[_i, _row, : len(_coefficients)] = _coefficients
FACTORS = np.array([POLYNOMIALS[degree].c for degree in (LOW, HIGH)])
# Squarings after which a unitary matrix is brought back: what is lost in it has a square below epsilon.
STEPS_DOUBLE, STEPS_SINGLE = 16, 6

# Places of the work space: A, its powers, two factors and the value; those of the tangents follow.
A, A2, A3, A6, T, R, Y = range(7)
PLACES = 7
# Steps, each of one product: left and right factor and result, and whether this starts from zero.
SQUARE, CUBE, SIXTH, INNER, OUTER, DOUBLE, GRAM, CORRECT, END = range(9)
STEPS = np.array(
    [
        (A, A, A2, 1),
        (A2, A, A3, 1),
        (A3, A3, A6, 1),
        (T, R, Y, 0),
        (T, R, Y, 0),
        (Y, Y, T, 1),
        (T, Y, R, 1),
        (Y, R, T, 0),
    ]
)
# Combinations before the steps INNER and OUTER: where to, and of which row.
COMBINED = np.array([[(Y, 0), (T, 1), (R, 2)], [(T, 4), (R, 5), (Y, 3)]])


@njit(**OPTIONS)
def clear(a):
    """a = 0."""
    for i in range(a.shape[-3]):
        for j in range(a.shape[-2]):
            put(a, i, j, zero_of(a))


@njit(**OPTIONS)
def copy(a, c):
    """c = a."""
    for i in range(a.shape[-3]):
        for j in range(a.shape[-2]):
            put(c, i, j, at(a, i, j))


@njit(**OPTIONS)
def copy_where(mask, a, c):
    """c = a where the mask is true."""
    for i in range(a.shape[-3]):
        for j in range(a.shape[-2]):
            put(c, i, j, choose(mask, at(a, i, j), at(c, i, j)))


@njit(**OPTIONS)
def combine(high, coefficients, a, a2, a3, a6, factor, y, c):
    """c = a row of the table times the powers of A, but for I's coefficient, and ``factor`` y."""
    t1, t2, t3, t6 = coefficients[1], coefficients[2], coefficients[3], coefficients[4]
    for i in range(a.shape[-3]):
        for j in range(a.shape[-2]):
            total = at(a, i, j) * t1 + at(a2, i, j) * t2
            if high:
                total = total + at(a3, i, j) * t3 + at(a6, i, j) * t6
            if factor != 0.0:
                total = total + at(y, i, j) * factor
            put(c, i, j, total)


@cache
def exponential(unitary, tangent):
    """``exponential(e, w)``: exp of ``w[A]`` to ``w[Y]``; with ``tangent`` its derivative at e only.

    Of the derivative comes also by what to multiply ``w[PLACES + Y]``. What is ``unitary`` is kept so.
    """
    parts = 2 if tangent else 1

    @njit(**OPTIONS)
    def exponential(e, w):
        left, norm = halved(w[A])
        power, more = normalized(e, w[(parts - 1) * PLACES + A], left) if tangent else (norm, norm)
        high = not low_serves(w[A], norm)
        row = 1 if high else 0
        due = left > NONE
        mask = due
        squarings, finished = 0, tangent or not unitary or not high
        often = STEPS_DOUBLE if is_double(e) else STEPS_SINGLE
        step = SQUARE
        while step != END:
            value, tangents = True, tangent
            if step in (INNER, OUTER):
                if step == OUTER and tangent:
                    value = any_lane(due)
                for part in range(parts):
                    p = part * PLACES
                    for k in range(3):
                        place, which = COMBINED[step - INNER, k]
                        factor = 0.0
                        if step == OUTER and k < 2:
                            factor = FACTORS[row] if k else 1.0
                        coefficients = TABLE[row, which]
                        combine(
                            high,
                            coefficients,
                            w[p + A],
                            w[p + A2],
                            w[p + A3],
                            w[p + A6],
                            factor,
                            w[p + Y],
                            w[p + place],
                        )
                        if part == 0:
                            add_to_diagonal(w[place], coefficients[0])
            elif step == DOUBLE:
                left = choose(due, left * 0.5, left)
                if tangent:
                    value = any_lane(left > NONE)
                    here = more > 1.0
                    if any_lane(here):
                        multiply_entries(
                            w[(parts - 1) * PLACES + Y], choose(here, 0.5, norm * 0.0 + 1.0)
                        )
                        more = choose(here, more * 0.5, more)
            elif step == GRAM:
                tangents = False
                hconj(w[Y], w[T])
            elif step == CORRECT:
                tangents = False
                multiply_entries(w[R], -0.5)
                add_to_diagonal(w[R], 0.5)
                copy(w[Y], w[T])

            i, j, k, fresh = STEPS[step]
            # Value, da b and a db.
            for part in range(0 if value else 1, 3 if tangents else 1):
                to = w[k if part == 0 else k + PLACES]
                if fresh and part < 2:
                    clear(to)
                add_product(
                    w[i + PLACES if part == 1 else i], w[j + PLACES if part == 2 else j], to
                )

            if step == SIXTH and any_lane(due):
                f = doubled(w[A], w[A2], w[A3], w[A6], norm, left)
                left = left / f
                due = left > NONE
                mask = due
                power_of_f = f
                for place in range(A6 + 1):
                    for part in range(parts):
                        multiply_entries(w[place + part * PLACES], power_of_f)
                    power_of_f = power_of_f * (f if place < A3 else power_of_f)
            if step in (DOUBLE, CORRECT):
                for part in range(0 if value else 1, 2 if tangents else 1):
                    copy_where(mask, w[part * PLACES + T], w[part * PLACES + Y])
            if step == DOUBLE:
                squarings += 1
                due = left > NONE

            if step == SQUARE:
                step = CUBE if high else INNER
            elif step < OUTER or step == GRAM:
                step += 1
            elif unitary and value and step == DOUBLE and squarings % often == 0:
                step = GRAM
            elif any_lane(due):
                step, mask = DOUBLE, due
            elif finished:
                step = END
            else:
                step, mask, finished = GRAM, norm >= 0.0, True
        return power

    return exponential


@njit(**OPTIONS)
def zero_real(a):
    """0, a real number."""
    return real(zero_of(a))


# One matrix of work space a place.
WORK = "F(n,n)"


@cache
def general_value():
    """y = exp a."""
    exponential_of = exponential(False, False)

    @njit(**OPTIONS)
    def expm(a, y, w):
        copy(a, w[A])
        exponential_of(a, w)
        copy(w[Y], y)

    return expm


@cache
def general_derivative(adjoint):
    """d = L_a(e), or L_{a^H}(e)."""
    exponential_of = exponential(False, True)
    prepare = hconj if adjoint else copy

    @njit(**OPTIONS)
    def frechet(a, e, d, w):
        prepare(a, w[A])
        multiply_to(w[PLACES + Y], exponential_of(e, w), d)

    return frechet


@njit(**OPTIONS)
def skew_part(a, x, t):
    """``x = (a - a^H) / 2``; returns whether that is a, to the accuracy that `ExpmSkew` asks for."""
    hconj(a, t)
    size, defect = zero_real(a), zero_real(a)
    for i in range(a.shape[-3]):
        for j in range(a.shape[-2]):
            z, zh = 0.5 * at(a, i, j), 0.5 * at(t, i, j)
            put(x, i, j, z - zh)
            defect = larger(size1(z + zh), defect)
            # Of the modulus, which is no smaller.
            size = larger(size1(z) * 0.7, size)
    limit = (0.5 + size) * np.finfo(a.dtype).eps ** 0.25
    return not any_lane(defect > limit)


@cache
def skew_value():
    """u = exp a, and zeros for what `SkewFrechet` does without."""
    exponential_of = exponential(True, False)

    @njit(**OPTIONS)
    def expm_skew(a, u, eigenvalues, vh, w):
        done = skew_part(a, w[A], u)
        if done:
            exponential_of(a, w)
            copy(w[Y], u)
            for i in range(eigenvalues.shape[0]):
                put_entry(eigenvalues, i, zero_real(a))
            clear(vh)
        return done

    return expm_skew


@cache
def skew_derivative(adjoint):
    """d = L_x(e) of the skew-Hermitian part x of a, or of -x."""
    exponential_of = exponential(True, True)

    @njit(**OPTIONS)
    def skew_frechet(a, eigenvalues, vh, e, d, w):
        skew_part(a, w[A], d)
        if adjoint:
            multiply_entries(w[A], -1.0)
        multiply_to(w[PLACES + Y], exponential_of(e, w), d)

    return skew_frechet


def lane_function(op):
    """That of an Op of `unitarygraph.ops.expm`."""
    match type(op).__name__:
        case "ExpmPath" if op.order == 0:
            return LaneFunction(general_value(), WORK, PLACES)
        case "ExpmPath":
            return LaneFunction(general_derivative(op.adjoint), WORK, 2 * PLACES)
        case "ExpmSkew":
            return LaneFunction(skew_value(), WORK, PLACES, checked=True)
        case "SkewFrechet":
            return LaneFunction(skew_derivative(op.adjoint), WORK, 2 * PLACES)
