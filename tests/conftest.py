"""Fixtures of all tests."""

import numpy as np
import pytest


@pytest.fixture
def rng():
    """A generator that is the same in every test."""
    return np.random.default_rng(20261120)
