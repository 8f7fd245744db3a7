"""The recurrence of rotations on JAX and PyTorch against the compiled loops."""

import numpy as np
import pytensor
import pytest
from backend_modes import PACKAGES, THIRD_PARTY, the_mode
from rotation_cases import CASES, QUICK, graph, values

pytestmark = [pytest.mark.filterwarnings(line) for line in THIRD_PARTY]


@pytest.fixture(
    scope="module",
    params=[
        *((name, "some") for name in PACKAGES),
        *(pytest.param((name, "all"), marks=pytest.mark.slow) for name in PACKAGES),
    ],
    ids="-".join,
)
def backend(request):
    """A mode, and the cases that it runs."""
    name, which = request.param
    with the_mode(name, stance="force_eager") as mode:
        yield mode, CASES if which == "all" else QUICK[:1]


class Battery:
    """Cases in one compiled function: states and gradients."""

    def __init__(self, mode, cases, dtype="float64"):
        self.dtype, self.cases, variables, outputs = dtype, cases, [], []
        for case in cases:
            given, results = graph(case, dtype)
            variables += given
            outputs += results
        self.function = pytensor.function(variables, outputs, mode=mode, on_unused_input="ignore")

    def __call__(self, *sizes, change=lambda x: x):
        given = [change(x) for case in self.cases for x in values(case, self.dtype, *sizes)]
        return [np.asarray(y) for y in self.function(*given)]


@pytest.fixture(scope="module")
def double(backend):
    mode, cases = backend
    return Battery(mode, cases), Battery("FAST_COMPILE", cases)


def agree(got, want, tolerance=1e-11):
    assert got.shape == want.shape
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    bound = tolerance * max(1, np.abs(want).max(initial=0, where=np.isfinite(want)))
    np.testing.assert_allclose(got, want, rtol=0, atol=bound)


SIZES = [(5, 3, 4), (1, 1, 1, 1), (0, 2, 4), (2, 0, 4), (2, 3, 0, 0)]


@pytest.mark.parametrize(
    "sizes",
    [s if s in SIZES[:3] else pytest.param(s, marks=pytest.mark.slow) for s in SIZES],
    ids=str,
)
def test_states_and_gradients(double, sizes):
    ours, expected = (battery(*sizes) for battery in double)
    for got, want in zip(ours, expected, strict=True):
        agree(got, want)


def test_nan_goes_where_it_goes_in_numpy(double):
    def spoiled(x):
        if x.ndim > 2 and len(x) == 5:
            x = np.asfortranarray(x)
            # The mask leaves out some steps of this sample, and all of the one before.
            x[..., 2, 0] = np.nan
        return x

    ours, expected = (battery(5, 3, 4, change=spoiled) for battery in double)
    assert any(np.isnan(x).any() for x in expected)
    for got, want in zip(ours, expected, strict=True):
        agree(got, want)


@pytest.mark.slow
def test_single_precision(backend):
    mode, cases = backend
    ours, expected = (Battery(m, cases, "float32")(5, 3, 4) for m in (mode, "FAST_COMPILE"))
    for got, want in zip(ours, expected, strict=True):
        agree(got, want, 1e-5)
