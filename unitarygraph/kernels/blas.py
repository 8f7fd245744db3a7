"""BLAS products on raw addresses, for kernels that make thousands of small ones.

NumPy's `dot` inside numba allocates, copies what is not contiguous and cannot accumulate; these
call SciPy's ?gemm by the name of a symbol, so that kernels stay in the cache on disk. Matrices are
row-major, and BLAS, column-major, sees their transposes. But for `product`, they have n columns and no
gaps.
"""

import numpy as np
import scipy.linalg.cython_blas  # noqa: F401  (its capsules hold the addresses)
from llvmlite import binding
from numba import carray, njit
from numba.core import types
from numba.extending import get_cython_function_address, intrinsic

from unitarygraph.kernels.options import INNER

_GEMM = types.void(*[types.intp] * 13)
for _letter in "sd":
    binding.add_symbol(
        f"unitarygraph_{_letter}gemm",
        get_cython_function_address("scipy.linalg.cython_blas", f"{_letter}gemm"),
    )
sgemm = types.ExternalFunction("unitarygraph_sgemm", _GEMM)
dgemm = types.ExternalFunction("unitarygraph_dgemm", _GEMM)


@intrinsic
def pointer_to(typingctx, address):
    """An address, an integer, as a pointer."""

    def codegen(context, builder, signature, args):
        return builder.inttoptr(args[0], context.get_value_type(types.voidptr))

    return types.voidptr(types.int64), codegen


@njit(**INNER)
def carray_at(address, shape, dtype):
    """The C-contiguous array at an address, in compiled code."""
    return carray(pointer_to(address), shape, dtype)


# Places in the tables of `sizes_of` and `scalars_of`.
NO, YES, ROWS, N = 0, 4, 8, 12


@njit(**INNER)
def sizes_of(rows, n):
    """The integers that BLAS reads by address: not transposed, transposed, rows, n."""
    table = np.empty(4, np.int32)
    table[0], table[1], table[2], table[3] = ord("N"), ord("T"), rows, n
    return table


@njit(**INNER)
def scalars_of(dtype):
    """0 and 1, likewise."""
    table = np.empty(2, dtype)
    table[0], table[1] = dtype.type(0), dtype.type(1)
    return table


@njit(**INNER)
def times(single, add, x, w, y, i, s):
    """y (+)= x w for rows x n, n x n matrices at addresses; tables at i and s."""
    beta = s + (4 if single else 8) if add else s
    one = s + (4 if single else 8)
    if single:
        sgemm(i + NO, i + NO, i + N, i + ROWS, i + N, one, w, i + N, x, i + N, beta, y, i + N)
    else:
        dgemm(i + NO, i + NO, i + N, i + ROWS, i + N, one, w, i + N, x, i + N, beta, y, i + N)


@njit(**INNER)
def times_transposed(single, add, x, w, y, i, s):
    """y (+)= x w^T."""
    beta = s + (4 if single else 8) if add else s
    one = s + (4 if single else 8)
    if single:
        sgemm(i + YES, i + NO, i + N, i + ROWS, i + N, one, w, i + N, x, i + N, beta, y, i + N)
    else:
        dgemm(i + YES, i + NO, i + N, i + ROWS, i + N, one, w, i + N, x, i + N, beta, y, i + N)


@njit(**INNER)
def add_gram(single, x, z, y, i, s):
    """y += x^T z, n x n."""
    one = s + (4 if single else 8)
    if single:
        sgemm(i + NO, i + YES, i + N, i + N, i + ROWS, one, z, i + N, x, i + N, one, y, i + N)
    else:
        dgemm(i + NO, i + YES, i + N, i + N, i + ROWS, one, z, i + N, x, i + N, one, y, i + N)


# What `product` multiplies: x w, x w^T or x^T w.
PLAIN, RIGHT_TRANSPOSED, LEFT_TRANSPOSED = range(3)


@njit(**INNER)
def table_of_product():
    """Where `product` puts the integers that BLAS reads by address."""
    table = np.empty(8, np.int32)
    table[0], table[1] = ord("N"), ord("T")
    return table


@njit(**INNER)
def product(single, kind, add, sizes, x, x_step, w, w_step, y, y_step, table, s):
    """y (+)= x w, or with one of them transposed; ``sizes`` are y's rows and columns and the inner.

    Matrices are given by address and by the entries from a row to the next; table and scalars are those
    of `table_of_product` and, by address, `scalars_of`.
    """
    table[2], table[3], table[4] = sizes[1], sizes[0], sizes[2]
    table[5], table[6], table[7] = w_step, x_step, y_step
    i = table.ctypes.data
    one = s + (4 if single else 8)
    beta = one if add else s
    first = i + YES if kind == RIGHT_TRANSPOSED else i
    second = i + YES if kind == LEFT_TRANSPOSED else i
    m, n, k, w_next, x_next, y_next = i + 8, i + 12, i + 16, i + 20, i + 24, i + 28
    if single:
        sgemm(first, second, m, n, k, one, w, w_next, x, x_next, beta, y, y_next)
    else:
        dgemm(first, second, m, n, k, one, w, w_next, x, x_next, beta, y, y_next)
