"""Complex and unitary symbolic graphs on PyTensor.

A complex matrix is a real tensor ``(..., 2, m, n)``, real and imaginary plane before the matrix axes
(`unitarygraph.stacked`); a real one is plain and takes ``field="real"``. The gradient of a real loss
L in a complex Z = X + iY is dL/dX + i dL/dY.
"""

from unitarygraph import dissolving, manifolds, nn, parametrizations, rewrites, stacked, updates
from unitarygraph.checks import check_gradient, check_hessian, check_retraction, unitarity
from unitarygraph.dissolving import dissolve, quad_penalty
from unitarygraph.function import Function, function, grad
from unitarygraph.link import register_when_used
from unitarygraph.minimize import minimize
from unitarygraph.module import Module
from unitarygraph.ops import (
    cayley,
    dft,
    diagonal_recurrence,
    eigh,
    expm,
    expm_frechet,
    logm,
    newton_schulz,
    polar,
    qr,
    recurrence,
    rotations,
    skew_from_upper,
)
from unitarygraph.orthogonalize import orthogonalize
from unitarygraph.parameter import parameter
from unitarygraph.stacked.variables import (
    ComplexVariable,
    as_complex,
    complex,
    matrix,
    vector,
)

__version__ = "0.1.0"

__all__ = [
    "ComplexVariable",
    "Function",
    "Module",
    "as_complex",
    "cayley",
    "check_gradient",
    "check_hessian",
    "check_retraction",
    "complex",
    "dft",
    "diagonal_recurrence",
    "dissolve",
    "dissolving",
    "eigh",
    "expm",
    "expm_frechet",
    "function",
    "grad",
    "logm",
    "manifolds",
    "matrix",
    "minimize",
    "newton_schulz",
    "nn",
    "orthogonalize",
    "parameter",
    "parametrizations",
    "polar",
    "qr",
    "quad_penalty",
    "recurrence",
    "rewrites",
    "rotations",
    "skew_from_upper",
    "stacked",
    "unitarity",
    "updates",
    "vector",
]

register_when_used()
