"""Initial unitary matrices by name, as NumPy arrays in float64."""

import numpy as np

from unitarygraph.ops.expm_skew import skew_exponential
from unitarygraph.parametrizations.fourier_reflection import FourierReflection
from unitarygraph.parametrizations.initializers import (
    SKEW_INITIALIZERS,
    haar,
    skew_initializer,
)


def identity(rng, n, field="complex"):
    """Return the identity (Le, Jaitly and Hinton, 2015)."""
    return np.eye(n)


def urnn(rng, n, field="complex"):
    """Draw a matrix of the uRNN's form, `FourierReflection`: complex only (Wisdom et al., 2016)."""
    return FourierReflection(n, field=field, rng=rng, dtype="float64").value()


UNITARY_INITIALIZERS = {"haar": haar, "identity": identity, "urnn": urnn}


def unitary_initializer(name):
    """Initialiser ``(rng, n, field) -> unitary NumPy matrix`` by name; a callable is itself.

    Beside those of the table above the names of `skew_initializer`, of which it is the exponential.
    """
    if callable(name):
        return name
    if name in UNITARY_INITIALIZERS:
        return UNITARY_INITIALIZERS[name]
    if name not in SKEW_INITIALIZERS:
        known = sorted({*UNITARY_INITIALIZERS, *SKEW_INITIALIZERS})
        raise ValueError(f"init: expected one of {', '.join(known)}, got {name!r}")
    draw = skew_initializer(name)
    return lambda rng, n, field: skew_exponential(draw(rng, n, field))[0]
