"""Fixtures of all tests."""

import os
import shutil

# Modes other than numba's would compile C code for each step of a scan, a second an Op: tests run
# such steps in Python, but for those marked `compiler`. The flag is read at PyTensor's import.
os.environ["PYTENSOR_FLAGS"] = f"{os.environ.get('PYTENSOR_FLAGS', '')},cxx=".strip(",")

import numpy as np
import pytensor
import pytest


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
