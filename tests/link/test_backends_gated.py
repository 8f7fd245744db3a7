"""Gated recurrences on JAX and PyTorch against the compiled loops: cells, masks, sizes."""

import numpy as np
import pytensor
import pytest
from backend_modes import PACKAGES, THIRD_PARTY, the_mode
from gated_cases import CASES, graph, values

pytestmark = [pytest.mark.filterwarnings(line) for line in THIRD_PARTY]


@pytest.fixture(scope="module", params=PACKAGES)
def mode(request):
    with the_mode(request.param, stance="force_eager") as name:
        yield name


class Battery:
    """All cells in one compiled function: states and gradients."""

    def __init__(self, mode, dtype="float64"):
        self.dtype, variables, outputs = dtype, [], []
        for case in CASES:
            given, results = graph(case, dtype)
            variables += given
            outputs += results
        self.function = pytensor.function(variables, outputs, mode=mode, on_unused_input="ignore")

    def __call__(self, *sizes, change=lambda x: x):
        given = [change(x) for case in CASES for x in values(case, self.dtype, *sizes)]
        return [np.asarray(y) for y in self.function(*given)]


@pytest.fixture(scope="module")
def double(mode):
    return Battery(mode), Battery("FAST_COMPILE")


def agree(got, want, tolerance=1e-11):
    assert got.shape == want.shape
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    bound = tolerance * max(1, np.abs(want).max(initial=0, where=np.isfinite(want)))
    np.testing.assert_allclose(got, want, rtol=0, atol=bound)


@pytest.mark.parametrize("sizes", [(5, 3, 4), (1, 1, 1), (0, 2, 3), (2, 0, 3), (2, 3, 0)], ids=str)
def test_states_and_gradients(double, sizes):
    ours, expected = (battery(*sizes) for battery in double)
    for got, want in zip(ours, expected, strict=True):
        agree(got, want)


def test_nan_goes_where_it_goes_in_numpy(double):
    def spoiled(x):
        if x.ndim == 4 and len(x) == 5:
            x = np.asfortranarray(x)
            x[2, 1, :, 0] = np.nan
        return x

    ours, expected = (battery(5, 3, 4, change=spoiled) for battery in double)
    assert any(np.isnan(x).any() for x in expected)
    for got, want in zip(ours, expected, strict=True):
        agree(got, want)


def test_single_precision(mode):
    ours, expected = (Battery(m, "float32")(5, 3, 4) for m in (mode, "FAST_COMPILE"))
    for got, want in zip(ours, expected, strict=True):
        agree(got, want, 1e-5)
