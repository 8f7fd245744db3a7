"""Random matrices, recurrences and learning rates that the benchmarks share."""

import numpy as np

# of the training step: RMSprop's, and that of the recurrent matrix's parameters
RATE, ORTHOGONAL_RATE = 2e-4, 2e-5


def normal(rng, shape, dtype):
    """Standard normal entries, both planes alive where complex."""
    x = rng.standard_normal(shape)
    if np.issubdtype(dtype, np.complexfloating):
        x = x + 1j * rng.standard_normal(shape)
    return x.astype(dtype)


def general(rng, n, dtype):
    """A general matrix of spectral radius about one."""
    x = normal(rng, (n, n), dtype)
    return x / np.sqrt(2 * n).astype(x.real.dtype)


def skew_hermitian(rng, n, dtype):
    """A skew-Hermitian (real: skew-symmetric) matrix of norm about one."""
    a = general(rng, n, dtype)
    return (a - a.conj().T) / 2


def unitary(rng, n, dtype):
    """A unitary (real: orthogonal) matrix."""
    return np.linalg.qr(normal(rng, (n, n), dtype))[0]


def recurrence(rng, T, n, B, dtype):
    """(drive, W, h0, bias, cotangent of the states), W unitary."""
    real = np.zeros(0, dtype).real.dtype
    return (
        normal(rng, (T, B, n), dtype),
        unitary(rng, n, dtype),
        np.zeros((B, n), dtype),
        rng.uniform(-0.01, 0.01, n).astype(real),
        normal(rng, (T, B, n), dtype),
    )
