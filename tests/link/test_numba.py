"""Ops in NUMBA mode against NumPy: one function of them, called with input of every kind."""

import numpy as np
import pytest
from battery import Battery, spoiled, twisted
from op_table import TABLE
from oracles import AS_WRITTEN

from unitarygraph.stacked.algebra import algebra

# One adapter serves all Ops: by default sums, Ops of one and of several results, and those that refuse.
SOME = ("matmul", "solve", "expm_skew", "logm", "qr", "polar", "eigh", "cayley", "newton_schulz")


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(SOME, id="some"),
        pytest.param(tuple(TABLE), id="all", marks=pytest.mark.slow),
    ],
)
def batteries(request):
    """Values of rows, in machine code and by NumPy."""
    return tuple(Battery(mode, "float64", rows=request.param) for mode in ("NUMBA", AS_WRITTEN))


def assert_agree(ours, expected):
    """A fall-back to object mode would warn: that the values agree is what is left to see."""
    for case in expected:
        for got, want in zip(ours[case], expected[case], strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-11, err_msg=str(case))


def test_values(batteries):
    ours, reference = (battery() for battery in batteries)
    assert_agree(ours, reference)


@pytest.mark.parametrize(
    ("rows", "gradients"),
    [
        pytest.param(("expm_skew", "qr"), (), id="some"),
        pytest.param(tuple(TABLE), ("expm", "expm_skew", "qr"), id="all", marks=pytest.mark.slow),
    ],
)
def test_input_of_any_layout(rows, gradients):
    """Numba compiles anew for another layout: by default only Ops of one and of two results.

    One adapter serves all Ops, and training tests its gradients; PyTensor's own Ops in them take
    numba longer than all of ours.
    """
    ours, reference = (Battery(mode, "float64", gradients, rows) for mode in ("NUMBA", AS_WRITTEN))
    assert_agree(ours(twisted), reference())


def test_one_by_one(batteries):
    ours, reference = (battery(shape=(1, 1)) for battery in batteries)
    for results in ours.values():
        assert all(np.isfinite(y).all() for y in results)
    assert_agree(ours, reference)


@pytest.mark.parametrize("given", [{"shape": (0, 0)}, {"shape": (1, 1), "count": 0}], ids=str)
def test_empty(batteries, given):
    ours, reference = (battery(**given) for battery in batteries)
    for case in batteries[0].cases:
        for y, z in zip(ours[case], reference[case], strict=True):
            assert y.shape == z.shape
            assert y.size == 0 or case[0] == "matmul"
            np.testing.assert_array_equal(y, z)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_gives_nan(batteries, bad):
    """One bad entry makes its whole matrix NaN, raises nothing and leaves the batch alone.

    Sums of products are no more than arithmetic: there it spoils what NumPy's would.
    """
    battery, reference = batteries
    good, values, expected = battery(), battery(spoiled(bad)), reference(spoiled(bad))
    for case in battery.cases:
        for y, z, w in list(zip(values[case], good[case], expected[case], strict=True))[
            : battery.count(case)
        ]:
            np.testing.assert_array_equal(y[[0, 2]], z[[0, 2]], err_msg=str(case))
            if TABLE[case[0]].arithmetic:
                np.testing.assert_array_equal(np.isfinite(y), np.isfinite(w), err_msg=str(case))
            else:
                assert np.isnan(y[1]).all(), case


@pytest.mark.parametrize("name", ["qr", "polar", "newton_schulz"])
@pytest.mark.parametrize("field", ["complex", "real"])
def test_wide_matrices_are_refused(batteries, name, field):
    with pytest.raises(ValueError, match=f"{name}: .* at least as many rows"):
        batteries[0](lambda x: x[..., :2, :].copy(), only=(name, field))


@pytest.mark.parametrize(
    ("case", "matrix", "words"),
    [
        (("eigh", "complex"), np.triu(np.ones((3, 3))), "must be Hermitian"),
        (("logm", "complex"), np.triu(np.ones((3, 3))), "must be unitary"),
        (("logm", "real"), np.diag([-1.0, -1.0, 1.0]), "eigenvalue -1"),
    ],
)
def test_arguments_off_the_domain_are_refused(batteries, case, matrix, words):
    stored = algebra(case[1]).from_numpy(matrix if case[1] == "real" else matrix + 0j)
    with pytest.raises(ValueError, match=words):
        batteries[0](lambda batch: np.broadcast_to(stored, batch.shape).copy(), only=case)


def test_results_are_not_aliases(batteries):
    """Two calls give two arrays, and none shares memory with the input."""
    given = []

    def kept(batch):
        given.append(batch)
        return batch

    first = batteries[0](kept)
    copies = {case: [y.copy() for y in results] for case, results in first.items()}
    second = batteries[0](lambda batch: 0.5 * batch, only=("cayley", "complex"))
    for case in first:
        for y, z, copy in zip(first[case], second[case], copies[case], strict=True):
            np.testing.assert_array_equal(y, copy)
            assert not np.shares_memory(y, z)
            assert not any(np.shares_memory(y, x) for x in given)
