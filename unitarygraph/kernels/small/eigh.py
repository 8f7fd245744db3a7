"""Eigenvalues and eigenvectors of small Hermitian matrices in lanes, and their adjoint."""

import numpy as np
from numba import njit

from unitarygraph.kernels.small.driver import LaneFunction
from unitarygraph.kernels.small.jacobi import diagonalize
from unitarygraph.kernels.small.lane_numbers import (
    any_lane,
    at,
    choose,
    conj,
    entry,
    imag,
    larger,
    put,
    put_entry,
    real,
    sqrt,
    square,
    times_i,
    zero_of,
)
from unitarygraph.kernels.small.matrices import set_identity
from unitarygraph.kernels.small.polar import FEW, power_of_matrix
from unitarygraph.kernels.small.products import OPTIONS, hconj_multiply, multiply


@njit(**OPTIONS)
def sort_columns(w, x):
    """Eigenvalues in ascending order, columns with them."""
    n = x.shape[-2]
    for end in range(n - 1, 0, -1):
        for j in range(end):
            a, b = entry(w, j), entry(w, j + 1)
            wrong = a > b
            if any_lane(wrong):
                put_entry(w, j, choose(wrong, b, a))
                put_entry(w, j + 1, choose(wrong, a, b))
                for i in range(n):
                    u, v = at(x, j, i), at(x, j + 1, i)
                    put(x, j, i, choose(wrong, v, u))
                    put(x, j + 1, i, choose(wrong, u, v))


@njit(**OPTIONS)
def largest(x, j, v):
    """Of V's column j: what counts as its largest square of a modulus, all but equal ones included."""
    n = v.shape[-2]
    top = real(zero_of(v))
    for i in range(n):
        top = larger(top, square(at(v, i, j)))
    margin = 1.0 - 100.0 * np.finfo(v.dtype).eps
    return top * (v.dtype.type(margin) * v.dtype.type(margin))


@njit(**OPTIONS)
def eigh(a, w, v, x):
    """W ascending, V with the first largest entry of each column real; A is lost. ``x`` (n, n).

    False where A is not Hermitian, or rotations do not end.
    """
    n = a.shape[-2]
    power = power_of_matrix(a)
    eps = np.finfo(a.dtype).eps
    top, defect = real(zero_of(a)), real(zero_of(a))
    for i in range(n):
        for j in range(i, n):
            b, c = at(a, i, j), conj(at(a, j, i))
            top = larger(top, larger(square(b), square(c)))
            defect = larger(defect, square(b - c))
            put(a, i, j, (b + c) * 0.5)
    # Well within the limit that the Op refuses by.
    limit = 0.5 * eps**0.25
    if any_lane(sqrt(defect) > limit * (1.0 / power + sqrt(top))):
        return False
    set_identity(x, 1.0)
    if not diagonalize(a, x):
        return False
    for j in range(n):
        put_entry(w, j, real(at(a, j, j)) * power)
    sort_columns(w, x)
    for j in range(n):
        for i in range(n):
            put(v, i, j, at(x, j, i))
        bound = largest(x, j, v)
        zero = real(zero_of(v))
        found = zero
        turn = zero_of(v) + 1.0
        for i in range(n):
            here = at(v, i, j)
            first = (square(here) >= bound) & (found < 1.0)
            turn = choose(first, here, turn)
            found = choose(first, 1.0, found)
        size = sqrt(square(turn))
        back = conj(turn) / size
        found = zero
        for i in range(n):
            here = at(v, i, j)
            first = (square(here) >= bound) & (found < 1.0)
            found = choose(first, 1.0, found)
            put(v, i, j, choose(first, size, here * back))
    return True


@njit(**OPTIONS)
def eigh_pullback(w, v, w_bar, v_bar, of_w, of_v, a_bar, k, y):
    r""":math:`\bar A = \mathrm{herm}(V (\mathrm{diag} \bar w + F \circ K) V^H)`, K of `EighPullback`.

    Work ``k``, ``y`` (n, n).
    """
    n = v.shape[-2]
    if of_v:
        hconj_multiply(v, v_bar, k)
        for j in range(n):
            # Column j of V turns by what keeps its largest entry real.
            bound = largest(k, j, v)
            found = real(zero_of(v))
            overlap = imag(at(k, j, j))
            for i in range(n):
                here = real(at(v, i, j))
                first = (square(at(v, i, j)) >= bound) & (found < 1.0)
                found = choose(first, 1.0, found)
                if any_lane(first):
                    part = choose(first, overlap / choose(first, here, 1.0), 0.0)
                    for l in range(n):
                        put(k, l, j, at(k, l, j) - times_i(conj(at(v, i, l)) * part))
            wj = entry(w, j)
            for i in range(n):
                if i != j:
                    put(k, i, j, at(k, i, j) / (wj - entry(w, i)))
    else:
        for i in range(n):
            for j in range(n):
                put(k, i, j, zero_of(v))
    for j in range(n):
        put(k, j, j, zero_of(v) + entry(w_bar, j) if of_w else zero_of(v))
    multiply(v, k, y)
    for i in range(n):
        for j in range(i, n):
            total, other = zero_of(v), zero_of(v)
            for l in range(n):
                total += at(y, i, l) * conj(at(v, j, l))
                other += at(y, j, l) * conj(at(v, i, l))
            total = 0.5 * (total + conj(other))
            put(a_bar, i, j, total)
            put(a_bar, j, i, conj(total))


@njit(**OPTIONS)
def pullback_of_both(w, v, w_bar, v_bar, a_bar, k, y):
    """`eigh_pullback` of both cotangents."""
    eigh_pullback(w, v, w_bar, v_bar, True, True, a_bar, k, y)


@njit(**OPTIONS)
def pullback_of_w(w, v, w_bar, a_bar, k, y):
    """`eigh_pullback` of w_bar."""
    eigh_pullback(w, v, w_bar, v, True, False, a_bar, k, y)


@njit(**OPTIONS)
def pullback_of_v(w, v, v_bar, a_bar, k, y):
    """`eigh_pullback` of V_bar."""
    eigh_pullback(w, v, w, v_bar, False, True, a_bar, k, y)


PULLBACKS = {
    (True, True): pullback_of_both,
    (True, False): pullback_of_w,
    (False, True): pullback_of_v,
}


def lane_function(op):
    """That of an Op of `unitarygraph.ops.eigh`."""
    if type(op).__name__ == "Eigh":
        return LaneFunction(eigh, "F(n,n)", checked=True, suits=FEW)
    return LaneFunction(PULLBACKS[op.of_w, op.of_v], "F(n,n),F(n,n)")
