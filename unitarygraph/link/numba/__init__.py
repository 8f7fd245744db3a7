"""Numba kernels: importing this package registers them with PyTensor's numba dispatch."""

from unitarygraph.link.numba import matrix_op, recurrence, tanh

__all__ = ["matrix_op", "recurrence", "tanh"]
