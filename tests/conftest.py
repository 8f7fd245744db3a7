"""Fixtures of all tests."""

import gc
import os
import shutil

# Read at PyTensor's import. Modes other than numba's would compile C code for each step of a scan, a
# second an Op: tests run such steps in Python, but for those marked `compiler`. The trace of where a
# variable was made, which PyTensor takes for every one, is a tenth of what most tests cost.
os.environ["PYTENSOR_FLAGS"] = ",".join(
    filter(None, (os.environ.get("PYTENSOR_FLAGS", ""), "cxx=", "traceback__limit=0"))
)

import numpy as np
import pytensor
import pytest

from unitarygraph.core import matrix_op

# Graphs are large and rarely cyclic: looking for garbage after every 700 objects is another tenth.
gc.set_threshold(50_000, 20, 50)


FILL_SMALL = matrix_op.fill_small


def pytest_addoption(parser):
    """Add ``--small-kernels``: the whole battery by the kernels for small matrices."""
    parser.addoption(
        "--small-kernels",
        action="store_true",
        help="run all tests by the kernels for small matrices, as users do; they compile for minutes",
    )


def pytest_runtest_setup(item):
    """Leave small matrices to LAPACK but in tests marked `small_kernels`.

    Each kernel compiles for seconds, and without this the small matrices of tests would reach nothing
    but kernels.
    """
    kernels = item.config.getoption("--small-kernels") or item.get_closest_marker("small_kernels")
    matrix_op.fill_small = FILL_SMALL if kernels else lambda op, inputs, outputs: False


@pytest.fixture(autouse=True)
def compiler(request):
    """Give PyTensor its C compiler in tests that are marked so."""
    if request.node.get_closest_marker("compiler"):
        with pytensor.config.change_flags(cxx=shutil.which("g++") or ""):
            yield
    else:
        yield


@pytest.fixture
def rng():
    """A generator that is the same in every test."""
    return np.random.default_rng(20261120)
