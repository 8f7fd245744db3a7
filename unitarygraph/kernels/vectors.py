"""Loops over arrays that do not overlap, one result a loop: what LLVM makes vectors of."""

from numba import njit

from unitarygraph.kernels.options import FAST_INNER


@njit(**FAST_INNER)
def copy(x, y):
    """y = x."""
    for j in range(len(x)):
        y[j] = x[j]


@njit(**FAST_INNER)
def clear(x):
    """x = 0; a loop, since LLVM compiles slice assignment for a second."""
    for j in range(len(x)):
        x[j] = 0


@njit(**FAST_INNER)
def add(x, y, z):
    """z = x + y; z may be x or y."""
    for j in range(len(x)):
        z[j] = x[j] + y[j]


@njit(**FAST_INNER)
def subtract(x, y, z):
    """z = x - y."""
    for j in range(len(x)):
        z[j] = x[j] - y[j]


@njit(**FAST_INNER)
def add_and_clear(total, step):
    """Add a step's sum to the total, in double, and start the next from zero."""
    for j in range(len(step)):
        total[j] += step[j]
    clear(step)


@njit(**FAST_INNER)
def pass_masked_rows(mask, x, carried, zero):
    """Backward through a masked step: x += carried; rows whose mask is 0 go on to ``carried``.

    Those rows are 0 in x, the others 0 in ``carried``.
    """
    n = len(x) // len(mask)
    for r in range(len(mask)):
        for j in range(r * n, (r + 1) * n):
            g = x[j] + carried[j]
            x[j] = zero if mask[r] == 0 else g
            carried[j] = g if mask[r] == 0 else zero
