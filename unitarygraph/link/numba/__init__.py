"""Numba kernels: importing this package registers them with PyTensor's numba dispatch."""

from unitarygraph.link.numba import diagonal_recurrence, matrix_op, recurrence, tanh

__all__ = ["diagonal_recurrence", "matrix_op", "recurrence", "tanh"]
