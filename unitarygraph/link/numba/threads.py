"""One BLAS thread while a kernel makes many small products.

The products of a recurrence are too small to repay the start of BLAS threads, and on a shared
machine waiting for them costs many times the product (measured on two busy cores: 6 in place of 110
GFLOP/s). A kernel therefore holds SciPy's BLAS, the one that numba calls, to one thread while it
runs. Where threadpoolctl is not installed BLAS keeps its threads.
"""

import ctypes

from llvmlite import binding
from numba.core import types


def controllers():
    """Controllers of the BLAS libraries that SciPy loaded; none without threadpoolctl."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return []
    import scipy.linalg.cython_blas  # noqa: F401  (loads the library to be found)

    loaded = ThreadpoolController().select(user_api="blas").lib_controllers
    return [c for c in loaded if "scipy.libs" in c.filepath] or loaded


CONTROLLERS = controllers()


def set_blas_threads(count):
    """Give SciPy's BLAS so many threads; the number it had, 0 where it cannot be controlled."""
    if not CONTROLLERS or count == 0:
        return 0
    before = CONTROLLERS[0].get_num_threads()
    for controller in CONTROLLERS:
        controller.set_num_threads(count)
    return before


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int32)(set_blas_threads)
_SYMBOL = "unitarygraph_set_blas_threads"
binding.add_symbol(_SYMBOL, ctypes.cast(_CALLBACK, ctypes.c_void_p).value)
blas_threads = types.ExternalFunction(_SYMBOL, types.int32(types.int32))
