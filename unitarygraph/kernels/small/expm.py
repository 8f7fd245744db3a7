r"""Exponentials of small matrices and their Frechet derivatives, of any and of skew-Hermitian ones.

Taylor polynomials of degree 8 and 18 of few products, scaling and squaring, in both layouts:
`unitarygraph.ops.expm.taylor` for many matrices at once, or for one that is small. Of a skew-Hermitian
matrix the square's factor of what is lost in unitarity is undone by a step of Newton's and Schulz's
iteration for the polar factor, :math:`U + \frac12 U (I - U^H U)`, which squares it.
"""

from functools import cache

import numpy as np
from numba import njit

from unitarygraph.kernels.small.driver import LaneFunction
from unitarygraph.kernels.small.expm_scaling import HIGH, LOW, NONE, is_double, scaling
from unitarygraph.kernels.small.lane_numbers import (
    any_lane,
    at,
    choose,
    conj,
    larger,
    put,
    put_entry,
    real,
    size1,
    zero_of,
)
from unitarygraph.kernels.small.layouts import LANES, ROWS
from unitarygraph.kernels.small.products import OPTIONS
from unitarygraph.ops.expm.taylor_polynomials import POLYNOMIALS

# Coefficients of I, A, A^2, A^3, A^6 in P_0, ..., P_5 of `taylor_polynomials`, and c.
TABLE = np.zeros((2, 6, 5))
for _i, _degree in enumerate((LOW, HIGH)):
    for _row, _coefficients in enumerate(POLYNOMIALS[_degree].rows):
        TABLE[_i, _row, : len(_coefficients)] = _coefficients
FACTORS = np.array([POLYNOMIALS[degree].c for degree in (LOW, HIGH)])
# Squarings after which a unitary matrix is brought back: what is lost in it has a square below epsilon.
STEPS_DOUBLE, STEPS_SINGLE = 16, 6


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
def add_multiple(a, x, c):
    """c += x a."""
    for i in range(a.shape[-3]):
        for j in range(a.shape[-2]):
            put(c, i, j, at(c, i, j) + at(a, i, j) * x)


@njit(**OPTIONS)
def combine(high, row, a, a2, a3, a6, c):
    """A row of the table times the powers of A, but for I's coefficient."""
    t1, t2, t3, t6 = (
        TABLE[int(high), row, 1],
        TABLE[int(high), row, 2],
        TABLE[int(high), row, 3],
        TABLE[int(high), row, 4],
    )
    for i in range(a.shape[-3]):
        for j in range(a.shape[-2]):
            total = at(a, i, j) * t1 + at(a2, i, j) * t2
            if high:
                total = total + at(a3, i, j) * t3 + at(a6, i, j) * t6
            put(c, i, j, total)


@cache
def exponential(layout, unitary):
    """``value`` and ``derivative`` in a layout.

    ``value(x, y, work)`` is y = exp x, ``derivative(x, e, d, work)`` d = L_x(e); x is lost, and what is
    ``unitary`` is kept so.
    """
    add_product, add_to_diagonal, hconj = layout[:3]
    halved, low_serves, doubled, normalized, multiply_entries = scaling(layout)

    @njit(**OPTIONS)
    def multiply(a, b, c):
        clear(c)
        add_product(a, b, c)

    @njit(**OPTIONS)
    def add_derivative(a, da, b, db, dc):
        """dc += da b + a db."""
        add_product(da, b, dc)
        add_product(a, db, dc)

    @njit(**OPTIONS)
    def multiply_pair(a, da, b, db, c, dc):
        """(c, dc) = (a, da) (b, db)."""
        multiply(a, b, c)
        clear(dc)
        add_derivative(a, da, b, db, dc)

    @njit(**OPTIONS)
    def combine_with_unit(high, row, a, a2, a3, a6, c):
        combine(high, row, a, a2, a3, a6, c)
        add_to_diagonal(c, TABLE[int(high), row, 0])

    @njit(**OPTIONS)
    def grow(f, a, a2, a3, a6):
        """A becomes f A, and its powers theirs."""
        f3 = f * f * f
        multiply_entries(a, f)
        multiply_entries(a2, f * f)
        multiply_entries(a3, f3)
        multiply_entries(a6, f3 * f3)

    @njit(**OPTIONS)
    def bring_back(mask, u, t, r):
        """U becomes U + U (I - U^H U) / 2 where the mask is true."""
        hconj(u, t)
        multiply(t, u, r)
        multiply_entries(r, -0.5)
        add_to_diagonal(r, 0.5)
        copy(u, t)
        add_product(u, r, t)
        copy_where(mask, t, u)

    @njit(**OPTIONS)
    def value(x, y, work):
        a2, a3, a6, t, r = work
        left, norm = halved(x)
        high = not low_serves(x, norm)
        multiply(x, x, a2)
        if high:
            multiply(a2, x, a3)
            multiply(a3, a3, a6)
            if any_lane(left > NONE):
                f = doubled(x, a2, a3, a6, norm, left)
                left = left / f
                grow(f, x, a2, a3, a6)
        combine_with_unit(high, 0, x, a2, a3, a6, y)
        combine_with_unit(high, 1, x, a2, a3, a6, t)
        combine_with_unit(high, 2, x, a2, a3, a6, r)
        add_product(t, r, y)
        combine_with_unit(high, 4, x, a2, a3, a6, t)
        combine_with_unit(high, 5, x, a2, a3, a6, r)
        add_multiple(y, 1.0, t)
        add_multiple(y, FACTORS[int(high)], r)
        combine_with_unit(high, 3, x, a2, a3, a6, y)
        add_product(t, r, y)
        steps, due = 0, left > NONE
        while any_lane(due):
            multiply(y, y, t)
            copy_where(due, t, y)
            steps += 1
            if unitary and steps % (STEPS_DOUBLE if is_double(x) else STEPS_SINGLE) == 0:
                bring_back(due, y, t, r)
            left = choose(due, left * 0.5, left)
            due = left > NONE
        if unitary and high:
            bring_back(norm >= 0.0, y, t, r)

    @njit(**OPTIONS)
    def derivative(x, e, d, work):
        a2, a3, a6, t, r, y, dx, da2, da3, da6, dt, dr = work
        left, norm = halved(x)
        power, more = normalized(e, dx, left)
        high = not low_serves(x, norm)
        multiply_pair(x, dx, x, dx, a2, da2)
        if high:
            multiply_pair(a2, da2, x, dx, a3, da3)
            multiply_pair(a3, da3, a3, da3, a6, da6)
            if any_lane(left > NONE):
                f = doubled(x, a2, a3, a6, norm, left)
                left = left / f
                grow(f, x, a2, a3, a6)
                grow(f, dx, da2, da3, da6)
        combine_with_unit(high, 0, x, a2, a3, a6, y)
        combine_with_unit(high, 1, x, a2, a3, a6, t)
        combine_with_unit(high, 2, x, a2, a3, a6, r)
        combine(high, 0, dx, da2, da3, da6, d)
        combine(high, 1, dx, da2, da3, da6, dt)
        combine(high, 2, dx, da2, da3, da6, dr)
        add_product(t, r, y)
        add_derivative(t, dt, r, dr, d)
        combine_with_unit(high, 4, x, a2, a3, a6, t)
        combine_with_unit(high, 5, x, a2, a3, a6, r)
        combine(high, 4, dx, da2, da3, da6, dt)
        combine(high, 5, dx, da2, da3, da6, dr)
        add_multiple(y, 1.0, t)
        add_multiple(y, FACTORS[int(high)], r)
        add_multiple(d, 1.0, dt)
        add_multiple(d, FACTORS[int(high)], dr)
        combine(high, 3, dx, da2, da3, da6, d)
        add_derivative(t, dt, r, dr, d)
        steps, due = 0, left > NONE
        if any_lane(due):
            combine_with_unit(high, 3, x, a2, a3, a6, y)
            add_product(t, r, y)
        while any_lane(due):
            if any_lane(more > 1.0):
                here = more > 1.0
                multiply_entries(d, choose(here, 0.5, 1.0 + zero_real(d)))
                more = choose(here, more * 0.5, more)
            clear(dt)
            add_derivative(y, d, y, d, dt)
            copy_where(due, dt, d)
            left = choose(due, left * 0.5, left)
            later = left > NONE
            if any_lane(later):
                multiply(y, y, t)
                copy_where(due, t, y)
                steps += 1
                if unitary and steps % (STEPS_DOUBLE if is_double(x) else STEPS_SINGLE) == 0:
                    bring_back(due, y, t, r)
            due = later
        multiply_entries(d, power)

    return value, derivative


@njit(**OPTIONS)
def zero_real(a):
    """0, a real number."""
    return real(zero_of(a))


# Where one matrix fills registers, or few matrices leave most lanes of theirs empty.
IN_ROWS = "n > 6 or count < 4"
# Work beside the copy of A.
VALUE_WORK, DERIVATIVE_WORK = 5, 12


@cache
def general_value(layout):
    """y = exp a."""
    value, _ = exponential(layout, False)

    @njit(**OPTIONS)
    def expm(a, y, x, *work):
        copy(a, x)
        value(x, y, work)

    return expm


@cache
def general_derivative(layout, adjoint):
    """d = L_a(e), or L_{a^H}(e)."""
    _, derivative = exponential(layout, False)
    prepare = layout.hconj if adjoint else copy

    @njit(**OPTIONS)
    def frechet(a, e, d, x, *work):
        prepare(a, x)
        derivative(x, e, d, work)

    return frechet


@cache
def skew_part(layout):
    """``x = (a - a^H) / 2``; returns whether that is a, to the accuracy that `ExpmSkew` asks for."""

    @njit(**OPTIONS)
    def skew_part(a, x, t):
        layout_hconj(a, t)
        size, defect = zero_real(a), zero_real(a)
        for i in range(a.shape[-3]):
            for j in range(a.shape[-2]):
                z, zh = 0.5 * at(a, i, j), 0.5 * at(t, i, j)
                put(x, i, j, z - zh)
                defect = larger(size1(z + zh), defect)
                # Of the modulus, which is no smaller.
                size = larger(size1(z) * 0.7, size)
        limit = (0.5 + size) * np.finfo(a.dtype).eps ** 0.25
        return not any_lane(layout_largest(defect) > layout_largest(limit))

    layout_hconj, layout_largest = layout.hconj, layout.largest_across
    return skew_part


@cache
def skew_value(layout):
    """u = exp a, and zeros for what `SkewFrechet` does without."""
    value, _ = exponential(layout, True)
    split = skew_part(layout)

    @njit(**OPTIONS)
    def expm_skew(a, u, w, vh, x, *work):
        if not split(a, x, u):
            return False
        value(x, u, work)
        for i in range(w.shape[0]):
            put_entry(w, i, zero_real(a))
        clear(vh)
        return True

    return expm_skew


@cache
def skew_derivative(layout, adjoint):
    """d = L_x(e) of the skew-Hermitian part x of a, or of -x."""
    _, derivative = exponential(layout, True)
    split, multiply_entries = skew_part(layout), scaling(layout)[-1]

    @njit(**OPTIONS)
    def skew_frechet(a, w, vh, e, d, x, *work):
        split(a, x, d)
        if adjoint:
            multiply_entries(x, -1.0)
        derivative(x, e, d, work)

    return skew_frechet


def lane_function(op):
    """That of an Op of `unitarygraph.ops.expm`."""
    match type(op).__name__:
        case "ExpmPath" if op.order == 0:
            return in_layouts(general_value, VALUE_WORK)
        case "ExpmPath":
            return in_layouts(general_derivative, DERIVATIVE_WORK, op.adjoint)
        case "ExpmSkew":
            return in_layouts(skew_value, VALUE_WORK, checked=True)
        case "SkewFrechet":
            return in_layouts(skew_derivative, DERIVATIVE_WORK, op.adjoint)


def in_layouts(make, work, *settings, checked=False):
    """The algorithm in both layouts, with so many matrices of work space beside the copy of A."""
    return LaneFunction(
        make(LANES, *settings),
        ",".join(["F(n,n)"] * (work + 1)),
        checked=checked,
        rows=make(ROWS, *settings),
        in_rows=IN_ROWS,
    )
