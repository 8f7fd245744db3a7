"""Kernels written once for JAX and PyTorch, in the words that ``jax.numpy`` and ``torch`` share.

A kernel is a function ``(xp, op, *arrays)`` of complex (or real) matrices with leading batch axes.
``xp`` is a backend's namespace, the module ``namespace`` of `unitarygraph.link.jax` or
`unitarygraph.link.pytorch`. Nothing here imports either.
"""
