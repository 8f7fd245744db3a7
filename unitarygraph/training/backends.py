"""The backends a graph can be compiled for, by their names on the command line."""

from __future__ import annotations

from importlib.util import find_spec

#: backend -> (PyTensor's mode, the package it needs, the extra of ours that installs that)
BACKENDS = {
    "numba": ("NUMBA", "numba", None),
    "jax": ("JAX", "jax", "jax"),
    "pytorch": ("PYTORCH", "torch", "torch"),
    "c": ("CVM", None, None),
    "python": ("FAST_COMPILE", None, None),
}


def check_backend(backend: str) -> None:
    """Raise ValueError for an unknown backend."""
    if backend not in BACKENDS:
        raise ValueError(f"backend: expected one of {', '.join(BACKENDS)}, got {backend!r}")


def mode_of(backend: str) -> str:
    """Return the PyTensor mode of a backend; ImportError names the extra that it misses."""
    check_backend(backend)
    mode, package, extra = BACKENDS[backend]
    if package and find_spec(package) is None:
        remedy = f'"unitarygraph[{extra}]"' if extra else package
        raise ImportError(
            f"backend {backend} needs the package {package}, which is not installed; "
            f"install it with: pip install {remedy}"
        )
    return mode
