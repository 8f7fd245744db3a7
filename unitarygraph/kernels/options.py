"""Options of functions that compiled functions alone call.

Without wrappers for Python and C, which numba would compile for each of them.
"""

INNER = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
