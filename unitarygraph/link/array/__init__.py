"""Recurrence and rotations, written once for JAX and PyTorch.

Functions ``(xp, op, *arrays)`` in the words that ``jax.numpy`` and ``torch`` share; ``xp`` is the
module ``namespace`` of `unitarygraph.link.jax` or `unitarygraph.link.pytorch`.
"""
