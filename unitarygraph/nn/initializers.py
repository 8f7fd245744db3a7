"""Initial values of weights, as NumPy arrays in float64.

Functions of a NumPy Generator and a shape; a complex matrix comes as a NumPy complex array. With
``planes=2``, which is how layers ask for a weight, the functions give real and imaginary planes
``(2, rows, columns)``. The variance of a complex weight is E|w|^2.
"""

from collections.abc import Callable, Sequence

import numpy as np

from unitarygraph.manifolds.unitary import haar_factor
from unitarygraph.parametrizations.initializers import SKEW_INITIALIZERS, haar, skew_initializer
from unitarygraph.stacked.typing import Array

__all__ = [
    "SKEW_INITIALIZERS",
    "complex_glorot",
    "complex_he",
    "complex_independent",
    "glorot_joined",
    "glorot_uniform",
    "haar",
    "kaiming_normal",
    "skew_initializer",
    "uniform",
]


def glorot_uniform(rng: np.random.Generator, shape: Sequence[int], planes: int = 1) -> Array:
    r"""Draw U(-s, s) with :math:`s = \sqrt{6 / (rows + columns)}` (Glorot and Bengio, 2010).

    With ``planes=2`` real and imaginary planes ``(2, rows, columns)``, each drawn so, as in the uRNN.
    """
    return uniform(np.sqrt(6 / sum(shape)))(rng, shape, planes)


def glorot_joined(rng: np.random.Generator, shape: Sequence[int], planes: int = 1) -> Array:
    r"""Draw U(-s, s) with :math:`s = \sqrt{6 / (rows + planes \cdot columns)}`.

    As `glorot_uniform` of the planes side by side, one real matrix ``(rows, planes * columns)``: the
    input weights of the uRNN (Arjovsky, Shah and Bengio, 2016), the full-capacity uRNN (Wisdom et al.,
    2016) and the scuRNN (Maduranga, Helfrich and Ye, 2019), by their published programs.
    """
    rows, columns = shape
    return uniform(np.sqrt(6 / (rows + planes * columns)))(rng, shape, planes)


def kaiming_normal(rng: np.random.Generator, shape: Sequence[int], planes: int = 1) -> Array:
    """Draw N(0, 2 / rows) (He et al., 2015), rows being the inputs of the layer.

    With ``planes=2`` real and imaginary planes ``(2, rows, columns)``, each N(0, 1 / rows), so that
    a complex entry has the variance of a real one.
    """
    size = shape if planes == 1 else (planes, *shape)
    return rng.normal(scale=np.sqrt(2 / (planes * shape[0])), size=size)


def uniform(scale: float) -> Callable[..., Array]:
    """Initializer that draws U(-scale, scale), of real and imaginary plane with ``planes=2``."""

    def draw(rng, shape, planes=1):
        return rng.uniform(-scale, scale, size=shape if planes == 1 else (planes, *shape))

    return draw


def complex_glorot(
    rng: np.random.Generator, shape: Sequence[int], planes: int | None = None
) -> Array:
    r"""Modulus from Rayleigh(:math:`\sigma`), phase uniform, :math:`\sigma^2 = 1/(rows + columns)`.

    :math:`E|w|^2 = 2\sigma^2 = 2/(rows + columns)`, Glorot and Bengio's variance.
    """
    return _as_asked(_rayleigh(rng, shape, _variance("glorot", shape)), planes)


def complex_he(rng: np.random.Generator, shape: Sequence[int], planes: int | None = None) -> Array:
    r"""Modulus from Rayleigh(:math:`\sigma`), phase uniform, :math:`\sigma^2 = 1/rows`.

    :math:`E|w|^2 = 2\sigma^2 = 2/rows`, He et al.'s variance, rows being the inputs of the layer.
    """
    return _as_asked(_rayleigh(rng, shape, _variance("he", shape)), planes)


def complex_independent(
    rng: np.random.Generator,
    shape: Sequence[int],
    planes: int | None = None,
    criterion: str = "glorot",
) -> Array:
    r"""Haar-distributed orthonormal columns (or rows, of those there are fewer) times a number.

    The number makes the mean of :math:`|w|^2` over the matrix what the ``criterion`` asks for:
    "glorot" 2/(rows + columns), "he" 2/rows. Trabelsi et al. call this the independent filters'
    initialization.
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
