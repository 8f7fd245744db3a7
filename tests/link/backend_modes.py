"""The modes that JAX and PyTorch run in, with the packages they need."""

from contextlib import contextmanager

import pytest

PACKAGES = {"JAX": "jax", "PYTORCH": "torch"}

# PyTensor hands its read-only constants to PyTorch; PyTorch itself uses what it deprecates.
THIRD_PARTY = [
    "ignore:The given NumPy array is not writable",
    "ignore:.torch.jit.script.* is deprecated",
    "ignore:`torch._prims_common.check` is deprecated:FutureWarning",
]


@contextmanager
def the_mode(name, **stance):
    """A mode; the test is skipped where its package is not installed.

    Unless another stance of its compiler is given, PyTorch traces graphs with their kernels and
    shapes as always, and leaves out only the C++ code that it would write for what lies between.
    """
    package = pytest.importorskip(PACKAGES[name])
    if name == "PYTORCH":
        with package.compiler.set_stance(**(stance or {"force_backend": "aot_eager"})):
            yield name
    else:
        yield name
