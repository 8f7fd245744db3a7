# ruff: noqa: F401 (the names are for the Ops)
"""What `MatrixOp.array` computes with on JAX: ``jax.numpy``, and what PyTorch calls otherwise or lacks.

A name that is not here is that of ``jax.numpy``, so an Op may use whatever the two libraries share.
"""

import jax.numpy as jnp
import jax.scipy.linalg
from jax import lax
from jax.numpy import iscomplexobj as is_complex
from jax.numpy.fft import fft, ifft
from jax.numpy.linalg import diagonal, eigh, qr, slogdet

lu_factor = jax.scipy.linalg.lu_factor
lu_solve = jax.scipy.linalg.lu_solve
complex = lax.complex


def __getattr__(name):
    # The next look-up is a plain one: this one takes a microsecond.
    value = globals()[name] = getattr(jnp, name)
    return value


def zeros(shape, like):
    """Zeros of another array's dtype."""
    return jnp.zeros(shape, like.dtype)


def arange(stop, like):
    """Whole numbers below ``stop`` in another array's dtype."""
    return jnp.arange(stop, dtype=like.dtype)


def eye_like(a):
    """Identity matrix of the columns of ``a``, in its dtype."""
    return jnp.eye(a.shape[-1], dtype=a.dtype)


def as_type_of(x, a):
    """``x`` in the dtype of ``a``."""
    return x.astype(a.dtype)


def dtype_name(x):
    """``"float32"`` or ``"float64"``."""
    return x.dtype.name


def eps(x):
    """Machine epsilon of an array's dtype."""
    return float(jnp.finfo(x.dtype).eps)


def power_of_two(exponent):
    """Two to an integer that is stored as a float, exactly."""
    return jnp.ldexp(jnp.ones_like(exponent), exponent.astype(jnp.int32))


def first_true(condition, axis):
    """Index of the first True along an axis."""
    return jnp.argmax(condition, axis)


def svd(a):
    """Thin singular value decomposition."""
    return jnp.linalg.svd(a, full_matrices=False)


def eigenvectors(a):
    """Eigenvectors of any square matrices, complex."""
    return jnp.linalg.eig(a)[1]


def repeat(count, body, state):
    """``body(i, state)`` for i = 0 ... count - 1, where ``count`` may depend on data."""
    return lax.fori_loop(0, count.astype(jnp.int32), body, state)


def scan(step, start, sequences, reverse=False):
    """`jax.lax.scan`."""
    return lax.scan(step, start, sequences, reverse=reverse)
