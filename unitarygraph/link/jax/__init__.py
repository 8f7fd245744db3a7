"""JAX kernels: importing this package registers them with PyTensor's JAX dispatch."""

from unitarygraph.link.jax import matrix_op, recurrence

__all__ = ["matrix_op", "recurrence"]
