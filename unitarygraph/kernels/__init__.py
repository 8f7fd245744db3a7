"""Loops compiled by numba, C functions of one record, that every CPU mode runs.

An Op's ``fill`` calls them, from its ``perform`` (FAST_COMPILE, the C virtual machine) as from the
functions that PyTensor's NUMBA mode compiles, so that all three run the same machine code. numba comes
with PyTensor 3 and is imported at the first call, not with the library. Kernels are compiled once for a
dtype and kept on disk by numba's own cache (``NUMBA_CACHE_DIR``).
"""
