"""Initial values of complex weights (Trabelsi et al., 2018), as NumPy complex arrays.

The variance of a complex weight is E|w|^2. With ``planes=2`` the functions give its real and
imaginary planes ``(2, rows, columns)`` instead, which is how layers ask for a kernel.
"""

import numpy as np

from unitarygraph.manifolds.unitary import haar_factor


def complex_glorot(rng, shape, planes=None):
    r"""Modulus from Rayleigh(:math:`\sigma`), phase uniform, :math:`\sigma^2 = 1/(rows + columns)`.

    :math:`E|w|^2 = 2\sigma^2 = 2/(rows + columns)`, Glorot and Bengio's variance.
    """
    return _as_asked(_rayleigh(rng, shape, _variance("glorot", shape)), planes)


def complex_he(rng, shape, planes=None):
    r"""Modulus from Rayleigh(:math:`\sigma`), phase uniform, :math:`\sigma^2 = 1/rows`.

    :math:`E|w|^2 = 2\sigma^2 = 2/rows`, He et al.'s variance, rows being the inputs of the layer.
    """
    return _as_asked(_rayleigh(rng, shape, _variance("he", shape)), planes)


def complex_independent(rng, shape, planes=None, criterion="glorot"):
    r"""Haar-distributed orthonormal columns (or rows, of those there are fewer) times a number.

    The number makes the mean of :math:`|w|^2` over the matrix what the ``criterion`` asks for:
    "glorot" 2/(rows + columns), "he" 2/rows. Trabelsi et al. call this the independent filters'
    initialisation.
    """
    rows, columns = shape
    tall = rng.standard_normal((2, max(shape), min(shape)))
    q = haar_factor(tall[0] + 1j * tall[1])
    w = q if rows >= columns else q.T
    return _as_asked(w * np.sqrt(_variance(criterion, shape) * max(shape)), planes)


def _rayleigh(rng, shape, variance):
    modulus = rng.rayleigh(np.sqrt(variance / 2), shape)
    return modulus * np.exp(1j * rng.uniform(-np.pi, np.pi, shape))


def _variance(criterion, shape):
    variances = {"glorot": 2 / sum(shape), "he": 2 / shape[0]}
    if criterion not in variances:
        raise ValueError(f"criterion must be one of {', '.join(variances)}, got {criterion!r}")
    return variances[criterion]


def _as_asked(w, planes):
    if planes not in (None, 2):
        raise ValueError(
            f"a complex weight has planes=2, or None for a complex array, got {planes!r}"
        )
    return w if planes is None else np.stack([w.real, w.imag])
