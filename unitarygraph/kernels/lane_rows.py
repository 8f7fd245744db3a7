"""Rows of a batch in lanes: into them and back, masks, sums.

Arrays are ``(n, L)``, complex ``(2, n, L)``, a row in each lane. Lanes behind the ``last`` row hold what
its lane holds; they are stored with it and left out of sums.
"""

import numpy as np
from numba import njit

from unitarygraph.kernels.blas import carray_at
from unitarygraph.kernels.options import INNER as OPTIONS
from unitarygraph.kernels.small.lane_numbers import choose, entry, put_entry
from unitarygraph.kernels.small.load import load, store


@njit(**OPTIONS)
def load_rows(source, gap, last, h):
    """h becomes the rows ``(planes, last + 1, n)`` at an address, planes ``gap`` bytes apart."""
    n, lanes = h.shape[-2], h.shape[-1]
    size = n * lanes
    for plane in range(h.size // size):
        place = h.ctypes.data + plane * size * h.itemsize
        load(source + plane * gap, n, last, carray_at(place, (n, lanes), h.dtype))


@njit(**OPTIONS)
def store_rows(h, target, gap, last):
    """The inverse of `load_rows`."""
    n, lanes = h.shape[-2], h.shape[-1]
    size = n * lanes
    for plane in range(h.size // size):
        place = h.ctypes.data + plane * size * h.itemsize
        store(target + plane * gap, n, last, carray_at(place, (n, lanes), h.dtype))


@njit(**OPTIONS)
def copy_lanes(x, y):
    """y = x."""
    for i in range(x.shape[-2]):
        put_entry(y, i, entry(x, i))


@njit(**OPTIONS)
def add_lanes(x, y):
    """y += x."""
    for i in range(x.shape[-2]):
        put_entry(y, i, entry(y, i) + entry(x, i))


@njit(**OPTIONS)
def clear_lanes(x):
    """x = 0."""
    for i in range(x.shape[-2]):
        put_entry(x, i, 0)


@njit(**OPTIONS)
def spread(mask, last, kept):
    """The rows' bytes of a mask become numbers 1 and 0 in their lanes of ``kept (1, L)``."""
    taken = carray_at(mask, last + 1, np.uint8)
    for lane in range(kept.shape[1]):
        kept[0, lane] = taken[min(lane, last)] != 0


@njit(**OPTIONS)
def choose_lanes(kept, old, new):
    """new = old in the lanes where ``kept`` is 0."""
    keep = entry(kept, 0) > 0
    for i in range(new.shape[-2]):
        put_entry(new, i, choose(keep, entry(new, i), entry(old, i)))


@njit(**OPTIONS)
def pass_lanes(kept, x, passed):
    """``passed`` becomes x in the lanes where ``kept`` is 0, and 0 in others."""
    keep = entry(kept, 0) > 0
    for i in range(x.shape[-2]):
        put_entry(passed, i, choose(keep, 0, entry(x, i)))


@njit(**OPTIONS)
def add_sums(sums, last, target):
    """Add the sums of the rows' lanes to the numbers in double at an address."""
    total = carray_at(target, len(sums), np.float64)
    for lane in range(last + 1):
        for i in range(len(sums)):
            total[i] += sums[i, lane]
