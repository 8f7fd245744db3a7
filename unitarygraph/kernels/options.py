"""Options of compiled functions."""

from unitarygraph.kernels.inner import InnerCompiler

#: of kernels, which Python calls by address and numba keeps on disk
KERNEL = {"cache": True, "error_model": "numpy"}
#: of functions that compiled functions alone call, without wrappers for Python and C
INNER = {
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "pipeline_class": InnerCompiler,
}
# x / m and y / m may share one division; nothing may assume that there is no NaN.
FAST = {"fastmath": {"contract", "arcp", "nsz"}}
#: of both where loops over entries become vectors
FAST_KERNEL = KERNEL | FAST
FAST_INNER = INNER | FAST
