"""Complex and unitary symbolic graphs on PyTensor.

A complex matrix is a real tensor ``(..., 2, m, n)``, real and imaginary plane before the matrix axes
(`unitarygraph.stacked`); a real one is plain and takes ``field="real"``. The gradient of a real loss
L in a complex Z = X + iY is dL/dX + i dL/dY.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from unitarygraph import manifolds, nn, parametrizations, rewrites, stacked, updates
from unitarygraph.checks import check_gradient, check_hessian, check_retraction
from unitarygraph.constraint_dissolving import dissolve, quad_penalty
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
from unitarygraph.parameter import parameter
from unitarygraph.stacked.create import as_complex, complex, matrix, vector
from unitarygraph.stacked.variables import ComplexVariable
from unitarygraph.weights import orthogonalize, unitarity

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

#: loaded when asked for: models and tasks, and what needs the extra ``train``
LATER = {
    "compare": "unitarygraph.comparing",
    "load": "unitarygraph.training",
    "models": None,
    "tasks": None,
    "train": "unitarygraph.training",
}

if TYPE_CHECKING:
    from unitarygraph.comparing import compare as compare
    from unitarygraph.training import load as load
    from unitarygraph.training import train as train


def __getattr__(name: str) -> Any:
    if name not in LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = LATER[name]
    if home is None:
        return import_module(f"{__name__}.{name}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *LATER})
