"""Inner functions: linked into the kernels that call them, without machine code of their own."""

import numpy as np
from numba import carray, cfunc, njit, types

from unitarygraph.kernels.inner import InnerLibrary
from unitarygraph.kernels.options import FAST_INNER, FAST_KERNEL, INNER


@njit(**INNER)
def square(x):
    return x * x


@njit(**FAST_INNER)
def sum_of_squares(x):
    total = x[0] - x[0]
    for j in range(len(x)):
        total += square(x[j])
    return total


def test_a_kernel_runs_what_is_linked_into_it():
    # From the cache on disk a kernel comes whole, and its inner functions are not compiled.
    options = FAST_KERNEL | {"cache": False}

    @cfunc(types.float64(types.CPointer(types.float64), types.intp), **options)
    def kernel(address, count):
        return sum_of_squares(carray(address, count))

    x = np.arange(5.0)
    assert kernel.ctypes(x.ctypes.data_as(kernel.ctypes.argtypes[0]), 5) == 30
    for function in (square, sum_of_squares):
        (compiled,) = function.overloads.values()
        library = compiled.library
        assert isinstance(library, InnerLibrary)
        engine = library.codegen._engine
        assert not engine.is_symbol_defined(compiled.fndesc.llvm_func_name)
    assert kernel._library.codegen._engine.is_symbol_defined(kernel.native_name)
