"""Cayley transforms in lanes, and their derivatives."""

from numba import njit

from unitarygraph.kernels.small.driver import LaneFunction
from unitarygraph.kernels.small.lane_numbers import at, conj, put
from unitarygraph.kernels.small.linear import solve_in_place
from unitarygraph.kernels.small.products import OPTIONS, multiply_hconj

WORK = "F(n,n),F(1,n),R(n)"


@njit(**OPTIONS)
def cayley(a, w, m, inverse, power):
    """w = (I - a/2)^{-1} (I + a/2)."""
    n = a.shape[-2]
    for i in range(n):
        for j in range(n):
            x = at(a, i, j) * 0.5
            put(m, i, j, -x)
            put(w, i, j, x)
        x = at(a, i, i) * 0.5
        put(m, i, i, 1.0 - x)
        put(w, i, i, 1.0 + x)
    solve_in_place(m, w, inverse, power)


@njit(**OPTIONS)
def cayley_pullback(a, w, w_bar, a_bar, m, inverse, power, b_bar, factor):
    """a_bar = b_bar (I + w)^H / 2, b_bar = (I - a/2)^{-H} w_bar."""
    n = a.shape[-2]
    for i in range(n):
        for j in range(n):
            put(m, i, j, conj(at(a, j, i)) * -0.5)
            put(b_bar, i, j, at(w_bar, i, j))
            put(factor, i, j, at(w, i, j) * 0.5)
        put(m, i, i, at(m, i, i) + 1.0)
        put(factor, i, i, at(factor, i, i) + 0.5)
    solve_in_place(m, b_bar, inverse, power)
    multiply_hconj(b_bar, factor, a_bar)


@njit(**OPTIONS)
def shifted_solve(a, b, x, m, inverse, power):
    """x = (I - a/2)^{-1} b."""
    n, columns = b.shape[-3], b.shape[-2]
    for i in range(n):
        for j in range(n):
            put(m, i, j, at(a, i, j) * -0.5)
        put(m, i, i, at(m, i, i) + 1.0)
        for j in range(columns):
            put(x, i, j, at(b, i, j))
    solve_in_place(m, x, inverse, power)


def lane_function(op):
    """That of an Op of `unitarygraph.ops.cayley`."""
    functions = {
        "Cayley": LaneFunction(cayley, WORK),
        "CayleyPullback": LaneFunction(cayley_pullback, f"{WORK},F(n,n),F(n,n)"),
        "ShiftedSolve": LaneFunction(shifted_solve, WORK),
    }
    return functions[type(op).__name__]
