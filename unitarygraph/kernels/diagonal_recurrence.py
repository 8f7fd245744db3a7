"""The diagonal recurrence and the overlap that is its gradient: one pass over the steps each.

A pass moves as many bytes a second as a copy does, so threads would not speed it up.
"""

import ctypes
from functools import cache

import numpy as np
from numba import carray, cfunc, from_dtype, types

from unitarygraph.kernels.blas import carray_at
from unitarygraph.kernels.memory import prefer_huge_pages
from unitarygraph.kernels.options import FAST_KERNEL
from unitarygraph.kernels.records import record, record_type
from unitarygraph.kernels.vectors import add, add_and_clear
from unitarygraph.kernels.version import KERNEL_VERSION

# Addresses of arrays, sizes, flags; `alive` is written at the end.
RECURRENCE = record_type(
    "drive", "eigenvalues", "h0", "mask", "states", "T", "B", "n", "masked", "reverse", "alive"
)
OVERLAP = record_type(
    "states", "h0", "p", "mask", "total", "T", "B", "n", "masked", "reverse", "alive"
)
_C_FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


@cache
def kernel_of(make, dtype):
    """A kernel as a C function of a record's address; and its owner."""
    compiled = make(dtype)
    return _C_FUNCTION(compiled.address), compiled


def run(make, dtype, given):
    """Call a kernel with one record."""
    kernel, _ = kernel_of(make, dtype.type)
    kernel(given.ctypes.data)


def recurrence_kernel(dtype):
    """Kernel of a `RECURRENCE`: rows of units are what LLVM makes vectors of."""
    version, size = KERNEL_VERSION, np.dtype(dtype).itemsize

    @cfunc(types.void(types.CPointer(from_dtype(RECURRENCE))), **FAST_KERNEL)
    def diagonal_recurrence(address):
        given = carray(address, 1)[0]
        T, B, n, masked, reverse = given.T, given.B, given.n, given.masked != 0, given.reverse != 0
        row, step = n * size, 2 * B * n * size
        plane = B * row
        a = carray_at(given.eigenvalues, n, dtype)
        b = carray_at(given.eigenvalues + row, n, dtype)
        read = given.h0
        for k in range(T):
            t = T - 1 - k if reverse else k
            taken = carray_at(given.mask + t * B, B if masked else 0, np.uint8)
            for i in range(B):
                here = t * step + i * row
                x = carray_at(read + i * row, n, dtype)
                y = carray_at(read + plane + i * row, n, dtype)
                u = carray_at(given.drive + here, n, dtype)
                v = carray_at(given.drive + here + plane, n, dtype)
                p = carray_at(given.states + here, n, dtype)
                q = carray_at(given.states + here + plane, n, dtype)
                if masked and taken[i] == 0:
                    add(x, u, p)
                    add(y, v, q)
                else:
                    for j in range(n):
                        p[j] = a[j] * x[j] - b[j] * y[j] + u[j]
                    for j in range(n):
                        q[j] = a[j] * y[j] + b[j] * x[j] + v[j]
            read = given.states + t * step
        # numba's key for its cache on disk holds what a kernel reads.
        given.alive = version

    return diagonal_recurrence


def overlap_kernel(dtype):
    """Kernel of an `OVERLAP`: samples of a step are summed in the dtype, steps in double precision.

    ``total`` ``(2, n)``, in double, is zero at the start.
    """
    version, size = KERNEL_VERSION, np.dtype(dtype).itemsize

    @cfunc(types.void(types.CPointer(from_dtype(OVERLAP))), **FAST_KERNEL)
    def diagonal_overlap(address):
        given = carray(address, 1)[0]
        T, B, n, masked, reverse = given.T, given.B, given.n, given.masked != 0, given.reverse != 0
        row, step = n * size, 2 * B * n * size
        plane = B * row
        total_re = carray_at(given.total, n, np.float64)
        total_im = carray_at(given.total + 8 * n, n, np.float64)
        re, im = np.zeros(n, dtype), np.zeros(n, dtype)
        read = given.h0
        for k in range(T):
            t = T - 1 - k if reverse else k
            taken = carray_at(given.mask + t * B, B if masked else 0, np.uint8)
            for i in range(B):
                if masked and taken[i] == 0:
                    continue
                here = given.p + t * step + i * row
                x = carray_at(read + i * row, n, dtype)
                y = carray_at(read + plane + i * row, n, dtype)
                u = carray_at(here, n, dtype)
                v = carray_at(here + plane, n, dtype)
                for j in range(n):
                    re[j] += x[j] * u[j] + y[j] * v[j]
                    im[j] += x[j] * v[j] - y[j] * u[j]
            add_and_clear(total_re, re)
            add_and_clear(total_im, im)
            read = given.states + t * step
        given.alive = version

    return diagonal_overlap


def recurrence(reverse, drive, eigenvalues, h0, mask, states):
    """Fill ``states``; all arrays contiguous, ``mask`` may be None."""
    T, _, B, n = drive.shape
    prefer_huge_pages(states)
    given = record(
        RECURRENCE, drive=drive, eigenvalues=eigenvalues, h0=h0, states=states,
        mask=mask, masked=mask is not None, reverse=reverse,
        T=T, B=B, n=n, alive=0,
    )  # fmt: skip
    run(recurrence_kernel, drive.dtype, given)


def overlap(reverse, states, h0, p, mask, result):
    """Fill ``result`` ``(2, n)``; all arrays contiguous, ``mask`` may be None."""
    T, _, B, n = states.shape
    total = np.zeros((2, n))
    given = record(
        OVERLAP, states=states, h0=h0, p=p, total=total,
        mask=mask, masked=mask is not None, reverse=reverse,
        T=T, B=B, n=n, alive=0,
    )  # fmt: skip
    run(overlap_kernel, states.dtype, given)
    result[...] = total
