"""PyTorch kernels: importing this package registers them with PyTensor's PyTorch dispatch."""

from unitarygraph.link.pytorch import diagonal_recurrence, matrix_op, missing, recurrence

__all__ = ["diagonal_recurrence", "matrix_op", "missing", "recurrence"]
