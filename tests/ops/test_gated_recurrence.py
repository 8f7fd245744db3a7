"""Gated recurrences against NumPy, `pytensor.scan` and finite differences."""

from functools import cache
from itertools import chain

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from gated_cases import CASES, graph, loop, named, values, variables
from oracles import AS_WRITTEN
from pytensor.gradient import pushforward, verify_grad
from pytensor.scan.op import Scan

from unitarygraph.ops.recurrence import GatedRecurrence, GatedRecurrenceGrad, gated_recurrence
from unitarygraph.ops.recurrence.gated_scan import gated_scan

pytestmark = pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS")
# One real, one complex: of the kernel of LSTM and of that with two gates.
QUICK = [("lstm", "tanh", True), ("cgrnn", "modrelu", True)]
# One of each cell: float32 compiles anew what differs by the activation alone.
CELLS = [*QUICK, ("gru", "tanh", False), ("goru", "modrelu", False)]
SIZES = [(37, 3, 4), (17, 2, 3), (1, 1, 1), (3, 0, 4), (3, 2, 0)]


def slow_but(chosen):
    """All cases, those that are not chosen marked as slow."""
    return [c if c in chosen else pytest.param(c, marks=pytest.mark.slow) for c in CASES]


def joined(lists):
    """The lists one after another."""
    return list(chain.from_iterable(lists))


def agree(got, want, factor=300):
    assert got.shape == want.shape
    assert got.dtype == want.dtype
    bound = factor * np.finfo(want.dtype).eps * max(1, np.abs(want).max(initial=0))
    np.testing.assert_allclose(got, want, rtol=0, atol=bound)


@pytest.fixture(scope="module", params=CASES, ids=named)
def case(request):
    """A case, and its function of states and gradients in Python mode."""
    return request.param, compiled_as_written(request.param)


@cache
def compiled_as_written(which):
    """States and gradients of a case."""
    return pytensor.function(*graph(which), mode=AS_WRITTEN, on_unused_input="ignore")


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_states_are_those_of_the_loop(case, sizes):
    which, ours = case
    given = values(which, "float64", *sizes)
    agree(ours(*given)[0], loop(which, *given))


# Gradients of scans compile for seconds; finite differences tell of all cases.
@pytest.mark.parametrize("which", slow_but(QUICK), ids=named)
def test_states_and_gradients_are_those_of_a_scan(which):
    op = GatedRecurrence(*which)
    v = variables(which)
    states = gated_scan(op, *v.values())
    cost = pt.sum(states * pt.cos(states))
    wanted = [states, *pt.grad(cost, [v[name] for name in op.differentiable])]
    by_scan = pytensor.function(list(v.values()), wanted, mode=AS_WRITTEN, on_unused_input="ignore")
    ours = compiled_as_written(which)
    for sizes in SIZES:
        given = values(which, "float64", *sizes)
        for got, want in zip(ours(*given), by_scan(*given), strict=True):
            agree(got, want, 300 * max(1, sizes[0]))
    for function, expected in (ours, 0), (by_scan, 2):
        nodes = function.maker.fgraph.apply_nodes
        assert sum(isinstance(node.op, Scan) for node in nodes) == expected


def test_no_step_at_all_leaves_no_gradient(case):
    which, ours = case
    states, *bars = ours(*values(which, "float64", 0, 3, 4))
    assert len(states) == 0
    assert not any(np.any(bar) for bar in bars)


@pytest.mark.parametrize("which", slow_but(CELLS), ids=named)
def test_single_precision_is_double_rounded(which):
    ours = compiled_as_written(which)
    single = pytensor.function(*graph(which, "float32"), mode=AS_WRITTEN, on_unused_input="ignore")
    given = values(which, "float32", 20, 5, 16)
    exact = ours(*(x if x.dtype == bool else x.astype("float64") for x in given))
    for got, want in zip(single(*given), exact, strict=True):
        assert got.dtype == "float32"
        agree(got, want.astype("float32"), 500)


def test_no_scan_in_a_training_graph(case):
    _, ours = case
    assert not any(isinstance(node.op, Scan) for node in ours.maker.fgraph.apply_nodes)


def test_non_contiguous_input(case):
    which, ours = case
    given = values(which)
    twisted = [np.asfortranarray(x) for x in given]
    twisted[0] = np.repeat(given[0], 2, axis=-1)[..., ::2]
    for got, want in zip(ours(*twisted), ours(*given), strict=True):
        np.testing.assert_array_equal(got, want)


def test_nan_stays_in_its_sample_and_masked_entries_may_hold_anything(case):
    which, ours = case
    given = values(which, "float64", 6)
    names = list(GatedRecurrence(*which).axes_in)
    mask = given[names.index("mask")]
    mask[...] = True
    given[0][2, 1, :, 0] = np.nan
    states, *bars = ours(*given)
    assert np.isnan(states[2:, 1]).any()
    assert np.isfinite(states[:, [0, 2]]).all()
    assert np.isnan(bars[1]).any()
    if which[2]:
        mask[2:, 1] = False
        assert all(np.isfinite(x).all() for x in ours(*given))


@pytest.mark.parametrize("which", CASES, ids=named)
def test_finite_differences(which):
    op, given = GatedRecurrence(*which), values(which, T=4, B=2, n=3)
    names = list(op.axes_in)
    places = [names.index(name) for name in op.differentiable]

    def states(*moving):
        inputs = [pt.constant(x) for x in given]
        for place, x in zip(places, moving, strict=True):
            inputs[place] = x
        return op(*inputs)[0]

    verify_grad(
        states, [given[k] for k in places], rng=np.random.default_rng(3), mode=AS_WRITTEN,
        no_debug_ref=False, rel_tol=1e-5, abs_tol=1e-5,
    )  # fmt: skip


# The second derivatives are graphs of scans, which compile for seconds: one real and one complex by
# default.
@pytest.mark.parametrize("which", slow_but(QUICK), ids=named)
def test_second_derivatives_by_finite_differences(which):
    op, given = GatedRecurrence(*which), values(which, T=3, B=2, n=2)
    names = list(op.axes_in)
    places = [names.index(name) for name in op.differentiable]
    weight = np.random.default_rng(4).standard_normal(
        given[0].shape[:1] + given[names.index("h0")].shape
    )

    def gradient(*moving):
        inputs = [pt.constant(x) for x in given]
        for place, x in zip(places, moving, strict=True):
            inputs[place] = x
        bars = pt.grad(pt.sum(weight * pt.sqr(op(*inputs)[0])), list(moving))
        return pt.concatenate([bar.ravel() for bar in bars])

    verify_grad(
        gradient, [given[k] for k in places], rng=np.random.default_rng(5), mode=AS_WRITTEN,
        no_debug_ref=False, rel_tol=1e-5, abs_tol=1e-5,
    )  # fmt: skip


# The Jacobian of a gradient forward is a large graph.
@pytest.mark.parametrize("of", ["states", pytest.param("gradient", marks=pytest.mark.slow)])
@pytest.mark.parametrize("which", [CASES[1]], ids=named)
def test_tangents_forward(which, of):
    op, given, tangents = GatedRecurrence(*which), values(which), values(which, seed=6)
    names = list(op.axes_in)
    places = [names.index(name) for name in op.differentiable]
    v, u = list(variables(which).values()), list(variables(which).values())
    moving, directions = [v[k] for k in places], [u[k] for k in places]
    y = op(*v)[0]
    if of == "gradient":
        y = pt.concatenate([bar.ravel() for bar in pt.grad(pt.sum(pt.sqr(y)), moving)])
    dot = pushforward(y, moving, directions, use_op_pushforward=True)
    f = pytensor.function([*v, *directions], [y, dot], mode=AS_WRITTEN, on_unused_input="ignore")
    h = 1e-6

    def moved(sign):
        inputs = list(given)
        for k in places:
            inputs[k] = given[k] + sign * h * tangents[k]
        return f(*inputs, *(tangents[k] for k in places))

    difference = (moved(1)[0] - moved(-1)[0]) / (2 * h)
    np.testing.assert_allclose(moved(0)[1], difference, rtol=1e-6, atol=1e-6)


def test_derivative_of_an_input_that_depends_on_another():
    # h0 and U share a parameter: each derivative must count its own path only.
    rng = np.random.default_rng(7)
    W, drive = rng.standard_normal((2, 2, 2)), rng.standard_normal((2, 3, 3, 2))

    def gradient(p):
        states = gated_recurrence(
            "gru", drive, W, p, bias=np.zeros((3, 2)), h0=0.5 * p[:1] * np.ones((3, 1))
        )
        return pt.grad(pt.sum(pt.sqr(states)), p)

    verify_grad(
        gradient, [rng.standard_normal((2, 2))], rng=rng, mode=AS_WRITTEN, no_debug_ref=False,
        rel_tol=1e-5, abs_tol=1e-5,
    )  # fmt: skip


@pytest.fixture(
    scope="module",
    params=[QUICK, pytest.param(CASES, marks=pytest.mark.slow)],
    ids=["some", "all"],
)
def in_numba(request):
    """Cases, and one function of them all in numba's mode, which compiles seconds for each."""
    given, outputs = zip(*(graph(case) for case in request.param), strict=True)
    return request.param, pytensor.function(
        joined(given), joined(outputs), mode="NUMBA", on_unused_input="ignore"
    )


@pytest.mark.parametrize("sizes", [(5, 35, 4), (1, 1, 1), (0, 3, 4), (3, 0, 4)], ids=str)
def test_every_mode_runs_the_same_kernel(in_numba, sizes, monkeypatch):
    cases, compiled = in_numba
    given = [values(case, "float64", *sizes) for case in cases]
    expected = []
    for case, arrays in zip(cases, given, strict=True):
        v, outputs = graph(case)
        f = pytensor.function(v, outputs, mode="FAST_COMPILE", on_unused_input="ignore")
        expected += f(*arrays)
    for op in (GatedRecurrence, GatedRecurrenceGrad):
        monkeypatch.setattr(op, "perform", None)
    kept = [x.copy() for x in joined(given)]
    for got, want in zip(compiled(*joined(given)), expected, strict=True):
        agree(got, want)
    for x, copy in zip(joined(given), kept, strict=True):
        np.testing.assert_array_equal(x, copy)


def test_rows_may_be_divided_over_threads(in_numba, monkeypatch):
    threads = pytest.importorskip("unitarygraph.kernels.threads")
    cases, compiled = in_numba
    given = joined(values(case, "float64", 6, 35, 5) for case in cases)
    expected = compiled(*given)
    monkeypatch.setattr(threads, "LEAST_WORK", 1)
    monkeypatch.setattr(threads, "controllers", lambda: [Controller()])
    monkeypatch.setattr(threads, "thread_count", lambda: 3)
    assert len(threads.row_blocks(35, 1e9)) == 3
    for got, want in zip(compiled(*given), expected, strict=True):
        agree(got, want)


class Controller:
    """Of a BLAS whose threads are as they should be."""

    def get_num_threads(self):
        return 1

    def set_num_threads(self, count):
        assert count == 1


def test_arrays_are_reused_where_they_are_the_graphs_own():
    v = variables(CASES[1])
    for drive, in_place in ((2 * v["drive"], True), (v["drive"], False)):
        states = GatedRecurrence(*CASES[1])(*(v | {"drive": drive}).values())[0]
        outputs = [states, *pt.grad(pt.sqr(states).sum(), [v["W"], v["drive"]])]
        f = pytensor.function(list(v.values()), outputs, mode="NUMBA", on_unused_input="ignore")
        ops = {type(n.op): n.op for n in f.maker.fgraph.apply_nodes}
        assert ops[GatedRecurrence].inplace == in_place
        assert ops[GatedRecurrenceGrad].inplace
        g = pytensor.function(
            list(v.values()), outputs, mode="FAST_COMPILE", on_unused_input="ignore"
        )
        given = values(CASES[1])
        for got, want in zip(f(*given), g(*given), strict=True):
            agree(got, want)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"W": np.ones((4, 3, 4))}, ValueError, "W must be .n, 2, n. with T = 5, B = 3, n = 4"),
        ({"U": np.ones((4, 5))}, ValueError, "U must be"),
        ({"bias": np.ones((2, 4))}, ValueError, "bias must be"),
        ({"h0": np.ones((2, 4))}, ValueError, "h0 must be"),
        ({"drive": np.ones((5, 3, 4, 4))}, ValueError, "drive must be"),
        ({"mask": np.ones((3, 5))}, ValueError, "mask must be"),
        ({"U": np.ones((4, 4), "float32")}, TypeError, "must have one dtype"),
        ({"drive": np.ones((5, 3, 3, 4), int)}, TypeError, "must have one dtype"),
    ],
)
def test_wrong_inputs_when_the_graph_is_built(change, error, message):
    given = dict(zip(variables(CASES[3]), values(CASES[3]), strict=True))
    kept = {k: given[k] for k in ("drive", "W", "U", "bias", "h0", "mask")} | change
    with pytest.raises(error, match=f"gated recurrence: .*{message}"):
        gated_recurrence("gru", *(kept.pop(k) for k in ("drive", "W", "U")), **kept)


@pytest.mark.parametrize("wrong", ["drive", "W", "U", "bias", "h0", "mask"])
def test_wrong_shapes_at_run_time(wrong):
    v = variables(CASES[3])
    op = GatedRecurrence(*CASES[3])
    f = pytensor.function(
        list(v.values()), op(*v.values())[0], mode="FAST_COMPILE", on_unused_input="ignore"
    )
    given = dict(zip(v, values(CASES[3]), strict=True))
    given[wrong] = np.concatenate([given[wrong], given[wrong][..., :1]], axis=-1)
    with pytest.raises(ValueError, match=r"gated recurrence: \w+ must be"):
        f(*given.values())
