"""The algebra's Ops in lanes: adjoint, product and solution."""

from numba import njit

from unitarygraph.kernels.small.driver import LaneFunction
from unitarygraph.kernels.small.lane_numbers import (
    at,
    conj,
    larger,
    power_of_two_below,
    put,
    zero_of,
)
from unitarygraph.kernels.small.linear import solve_in_place
from unitarygraph.kernels.small.matrices import hconj, largest_entry, least_normal
from unitarygraph.kernels.small.products import (
    OPTIONS,
    hconj_multiply,
    multiply,
    multiply_hconj,
)


@njit(**OPTIONS)
def hconj_multiply_hconj(a, b, c):
    """c = a^H b^H."""
    for i in range(c.shape[-3]):
        for j in range(c.shape[-2]):
            total = zero_of(a)
            for k in range(a.shape[-3]):
                total += at(b, j, k) * at(a, k, i)
            put(c, i, j, conj(total))


@njit(**OPTIONS)
def solve(a, b, x, m, inverse, power):
    """x = a^{-1} b; the largest entry is brought to size one first, so that no sum overflows."""
    scale = power_of_two_below(larger(largest_entry(a, 0.25), least_normal(a)))
    for i in range(a.shape[-3]):
        for j in range(a.shape[-2]):
            put(m, i, j, at(a, i, j) / scale)
        for j in range(b.shape[-2]):
            put(x, i, j, at(b, i, j))
    solve_in_place(m, x, inverse, power)
    for i in range(b.shape[-3]):
        for j in range(b.shape[-2]):
            put(x, i, j, at(x, i, j) / scale)


PRODUCTS = {
    (False, False): multiply,
    (True, False): hconj_multiply,
    (False, True): multiply_hconj,
    (True, True): hconj_multiply_hconj,
}


def lane_function(op):
    """That of an Op of `unitarygraph.stacked.ops`."""
    match type(op).__name__:
        case "HConj":
            return LaneFunction(hconj)
        case "MatMul":
            return LaneFunction(PRODUCTS[op.left, op.right])
        case "Solve":
            return LaneFunction(solve, "F(n,n),F(1,n),R(n)", suits="n <= 22 or count > 2")
