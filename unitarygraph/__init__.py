"""Complex and unitary symbolic graphs on PyTensor.

A complex matrix is a real tensor ``(..., 2, m, n)``, real and imaginary plane before the matrix axes
(`unitarygraph.stacked`); a real one is plain and takes ``field="real"``. The gradient of a real loss
L in a complex Z = X + iY is dL/dX + i dL/dY.
"""

from unitarygraph import manifolds, nn, parametrizations, rewrites, stacked, updates
from unitarygraph.checks import check_gradient, check_retraction, unitarity
from unitarygraph.link import register_when_used
from unitarygraph.ops import (
    cayley,
    eigh,
    expm,
    expm_frechet,
    logm,
    newton_schulz,
    polar,
    qr,
    recurrence,
    skew_from_upper,
)
from unitarygraph.parameter import parameter

__version__ = "0.1.0"

__all__ = [
    "cayley",
    "check_gradient",
    "check_retraction",
    "eigh",
    "expm",
    "expm_frechet",
    "logm",
    "manifolds",
    "newton_schulz",
    "nn",
    "parameter",
    "parametrizations",
    "polar",
    "qr",
    "recurrence",
    "rewrites",
    "skew_from_upper",
    "stacked",
    "unitarity",
    "updates",
]

register_when_used()
