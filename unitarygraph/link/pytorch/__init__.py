"""PyTorch kernels: importing this package registers them with PyTensor's PyTorch dispatch."""

from unitarygraph.link.pytorch import matrix_op, missing, recurrence

__all__ = ["matrix_op", "missing", "recurrence"]
