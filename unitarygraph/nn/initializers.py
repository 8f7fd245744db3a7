"""Initial values of the lineage's parameters, as NumPy arrays in float64.

Functions of a NumPy Generator; a complex matrix comes as a NumPy complex array.
"""

import numpy as np

from unitarygraph.nn.complex_initializers import (
    complex_glorot,
    complex_he,
    complex_independent,
)
from unitarygraph.parametrizations.initializers import SKEW_INITIALIZERS, haar, skew_initializer

__all__ = [
    "SKEW_INITIALIZERS",
    "complex_glorot",
    "complex_he",
    "complex_independent",
    "glorot_uniform",
    "haar",
    "kaiming_normal",
    "skew_initializer",
    "uniform",
]


def glorot_uniform(rng, shape, planes=1):
    r"""Draw U(-s, s) with :math:`s = \sqrt{6 / (rows + columns)}` (Glorot and Bengio, 2010).

    With ``planes=2`` real and imaginary planes ``(2, rows, columns)``, each drawn so, as in the uRNN.
    """
    scale = np.sqrt(6 / sum(shape))
    return rng.uniform(-scale, scale, size=shape if planes == 1 else (planes, *shape))


def kaiming_normal(rng, shape, planes=1):
    """Draw N(0, 2 / rows) (He et al., 2015), rows being the inputs of the layer.

    With ``planes=2`` real and imaginary planes ``(2, rows, columns)``, each N(0, 1 / rows), so that
    a complex entry has the variance of a real one.
    """
    size = shape if planes == 1 else (planes, *shape)
    return rng.normal(scale=np.sqrt(2 / (planes * shape[0])), size=size)


def uniform(scale):
    """Initialiser that draws U(-scale, scale), of real and imaginary plane with ``planes=2``."""

    def draw(rng, shape, planes=1):
        return rng.uniform(-scale, scale, size=shape if planes == 1 else (planes, *shape))

    return draw
