"""Cayley transforms in lanes, and their derivatives."""

from numba import njit

from unitarygraph.kernels.small.driver import LaneFunction
from unitarygraph.kernels.small.lane_numbers import at, put
from unitarygraph.kernels.small.linear import invert_in_place, solve_in_place
from unitarygraph.kernels.small.products import OPTIONS, hconj_multiply, multiply, multiply_hconj

# One or two larger matrices leave more lanes idle than LAPACK's overhead takes.
SUITS = "n <= 22 or count > 2"
# Of `solve_in_place`, and the matrix before it.
SOLVE_WORK = "F(n,n),F(1,n),R(n)"


@njit(**OPTIONS)
def cayley(a, w, v, rows):
    """v = (I - a/2)^{-1}, w = 2 v - I."""
    n = a.shape[-2]
    for i in range(n):
        for j in range(n):
            put(v, i, j, at(a, i, j) * -0.5)
        put(v, i, i, at(v, i, i) + 1.0)
    invert_in_place(v, rows)
    for i in range(n):
        for j in range(n):
            put(w, i, j, at(v, i, j) * 2.0)
        put(w, i, i, at(w, i, i) - 1.0)


@njit(**OPTIONS)
def derivative(v, e, d, work):
    """d = v e v."""
    multiply(v, e, work)
    multiply(work, v, d)


@njit(**OPTIONS)
def adjoint_derivative(v, e, d, work):
    """d = v^H e v^H."""
    hconj_multiply(v, e, work)
    multiply_hconj(work, v, d)


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
    match type(op).__name__:
        case "Cayley":
            return LaneFunction(cayley, "R(n)", suits=SUITS)
        case "CayleyDerivative":
            function = adjoint_derivative if op.adjoint else derivative
            return LaneFunction(function, "F(n,n)", suits=SUITS)
        case "ShiftedSolve":
            return LaneFunction(shifted_solve, SOLVE_WORK, suits=SUITS)
