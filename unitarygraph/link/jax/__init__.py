"""JAX kernels: importing this package registers them with PyTensor's JAX dispatch."""

from unitarygraph.link.jax import diagonal_recurrence, matrix_op, recurrence, sum

__all__ = ["diagonal_recurrence", "matrix_op", "recurrence", "sum"]
