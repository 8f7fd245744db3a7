"""Initial unitary and skew-Hermitian matrices of the lineage, as NumPy arrays in float64."""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg

from unitarygraph.manifolds.unitary import haar_factor
from unitarygraph.ops.expm.skew import skew_exponential
from unitarygraph.parametrizations.fourier_reflection import FourierReflection


def haar(rng: np.random.Generator, n: int, field: str = "complex") -> np.ndarray:
    """Draw a Haar-distributed unitary (orthogonal) matrix by QR of a Gaussian (Mezzadri, 2007)."""
    z = rng.standard_normal((n, n))
    if field == "complex":
        z = z + 1j * rng.standard_normal((n, n))
    return haar_factor(z)


def henaff_angles(rng, count):
    """Angles U(-pi, pi) (Henaff, Szlam and LeCun, 2016)."""
    return rng.uniform(-np.pi, np.pi, count)


def cayley_angles(rng, count):
    r"""Entries :math:`-\sqrt{(1-\cos t)/(1+\cos t)}`, t from U(0, pi/2) (Helfrich et al., 2018)."""
    return -np.tan(rng.uniform(0, np.pi / 2, count) / 2)


def skew_of_angles(angles_of):
    """Initializer of skew matrices from one of angles.

    Real: 2 x 2 blocks [[0, s], [-s, 0]] along the diagonal, the last row of an odd n zero. Complex:
    the diagonal matrix of i s, which has eigenvalues of the same kind.
    """

    def draw(rng, n, field="complex"):
        if field == "complex":
            return np.diag(1j * angles_of(rng, n))
        a = np.zeros((n, n))
        first = np.arange(0, n - 1, 2)
        a[first, first + 1] = angles_of(rng, n // 2)
        return a - a.T

    return draw


def haar_log(rng, n, field="complex"):
    """Logarithm of a Haar-distributed matrix of U(n), or of SO(n) in the real field."""
    u = haar(rng, n, field)
    if field == "real" and np.linalg.det(u) < 0:
        u[:, 0] = -u[:, 0]
    a = scipy.linalg.logm(u)
    a = a if field == "complex" else a.real
    return (a - a.conj().T) / 2


def cayley_blocks(rng, n, field="complex"):
    """Draw the real 2 x 2 blocks of "cayley" in either field (Maduranga, Helfrich and Ye, 2019)."""
    return skew_of_angles(cayley_angles)(rng, n, "real")


SKEW_INITIALIZERS = {
    "cayley": skew_of_angles(cayley_angles),
    "cayley_blocks": cayley_blocks,
    "haar": haar_log,
    "henaff": skew_of_angles(henaff_angles),
}


def skew_initializer(name: Any) -> Callable[..., np.ndarray]:
    """Initializer ``(rng, n, field) -> skew-Hermitian NumPy matrix`` by name; a callable is itself."""
    if callable(name):
        return name
    if name not in SKEW_INITIALIZERS:
        raise ValueError(f"init: expected one of {', '.join(SKEW_INITIALIZERS)}, got {name!r}")
    return SKEW_INITIALIZERS[name]


def identity(rng, n, field="complex"):
    """Return the identity (Le, Jaitly and Hinton, 2015)."""
    return np.eye(n)


def urnn(rng, n, field="complex"):
    """Draw a matrix of the uRNN's form, `FourierReflection`: complex only (Wisdom et al., 2016)."""
    return FourierReflection(n, field=field, rng=rng, dtype="float64").value()


UNITARY_INITIALIZERS = {"haar": haar, "identity": identity, "urnn": urnn}


def unitary_initializer(name):
    """Initializer ``(rng, n, field) -> unitary NumPy matrix`` by name; a callable is itself.

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
