"""Matrices in lanes: sums, multiples, transposes, and the size of the largest entry or column."""

import numpy as np
from numba import njit

from unitarygraph.kernels.small.lane_numbers import at, conj, larger, put, real, size1, zero_of
from unitarygraph.kernels.small.products import OPTIONS


@njit(**OPTIONS)
def least_normal(a):
    """The smallest normal number, in all lanes."""
    return real(zero_of(a)) + np.finfo(a.dtype).tiny


@njit(**OPTIONS)
def set_identity(c, scale):
    """c = s I, s a number or one for each lane."""
    for i in range(c.shape[-3]):
        for j in range(c.shape[-2]):
            put(c, i, j, zero_of(c))
        put(c, i, i, zero_of(c) + scale)


@njit(**OPTIONS)
def add_identity(a, scale, c):
    """c = a + s I."""
    for i in range(c.shape[-3]):
        for j in range(c.shape[-2]):
            put(c, i, j, at(a, i, j))
        put(c, i, i, at(a, i, i) + scale)


@njit(**OPTIONS)
def combine(a, s, b, t, c):
    """c = s a + t b, s and t numbers or one for each lane."""
    for i in range(c.shape[-3]):
        for j in range(c.shape[-2]):
            put(c, i, j, at(a, i, j) * s + at(b, i, j) * t)


@njit(**OPTIONS)
def add(a, b, c):
    """c = a + b."""
    for i in range(c.shape[-3]):
        for j in range(c.shape[-2]):
            put(c, i, j, at(a, i, j) + at(b, i, j))


@njit(**OPTIONS)
def scale(a, s, c):
    """c = s a, s a number or one for each lane."""
    for i in range(c.shape[-3]):
        for j in range(c.shape[-2]):
            put(c, i, j, at(a, i, j) * s)


@njit(**OPTIONS)
def hconj(a, c):
    """c = a^H; c must not be a."""
    for i in range(c.shape[-3]):
        for j in range(c.shape[-2]):
            put(c, i, j, conj(at(a, j, i)))


@njit(**OPTIONS)
def largest_entry(a, factor=1.0):
    """The largest |Re a| + |Im a|, times a factor, against overflow."""
    top = real(zero_of(a))
    for i in range(a.shape[-3]):
        for j in range(a.shape[-2]):
            top = larger(size1(at(a, i, j) * factor), top)
    return top


@njit(**OPTIONS)
def one_norm_bound(a):
    """The largest sum over a column of |Re a| + |Im a|: the 1-norm to a factor of sqrt(2)."""
    top = real(zero_of(a))
    for j in range(a.shape[-2]):
        total = real(zero_of(a))
        for i in range(a.shape[-3]):
            total += size1(at(a, i, j))
        top = larger(total, top)
    return top
