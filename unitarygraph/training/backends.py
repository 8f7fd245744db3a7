"""The backends a graph can be compiled for, by their names on the command line."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

#: backend -> (PyTensor's mode, the package it needs, the extra of ours that installs that)
BACKENDS = {
    "kernels": ("KERNELS", None, None),
    "numba": ("NUMBA", "numba", None),
    "jax": ("JAX", "jax", "jax"),
    "pytorch": ("PYTORCH", "torch", "torch"),
    "c": ("CVM", None, None),
    "python": ("FAST_COMPILE", None, None),
}
DEFAULT_BACKEND = "kernels"


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


def prepare_backend(backend: str, dtype: str) -> str:
    """Load what a run on a backend needs and return its PyTensor mode; ImportError as `mode_of`.

    JAX is set to the run's width, 32 or 64 bits, for the rest of the process. PyTorch's compiler is
    kept from reporting on stderr that it compiled a helper of PyTensor's many times.
    """
    mode = mode_of(backend)
    if backend == "pytorch":
        logging.getLogger("torch._dynamo").setLevel(logging.ERROR)
    if backend == "jax":
        from unitarygraph.link.jax.precision import set_width

        set_width(dtype)
    return mode


@contextmanager
def limits_in_words(backend: str, model: str) -> Iterator[None]:
    """Compile without other packages' warnings; say in a sentence what a backend cannot do.

    NotImplementedError names the backend, the model and the Op that PyTensor's linker lacks.
    """
    try:
        with warnings.catch_warnings():
            # PyTensor hands its constants to PyTorch as they are; nothing writes to them.
            warnings.filterwarnings("ignore", "The given NumPy array is not writable")
            # Its sums ask JAX for float64 accumulators and indices of 64 bits in 32-bit runs too.
            warnings.filterwarnings("ignore", "Explicitly requested dtype")
            yield
    except NotImplementedError as error:
        why = str(error)
        found = re.search(r"conversion for the given `Op`: ([A-Za-z]+)", why)
        if found is not None:
            why = f"PyTensor's {BACKENDS[backend][0]} linker does not implement its Op {found[1]}"
        raise NotImplementedError(f"backend {backend} cannot run {model}: {why}") from (
            error if found is None else None
        )
