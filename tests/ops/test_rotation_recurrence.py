"""The recurrence of rotations against NumPy, `pytensor.scan` and finite differences."""

from itertools import chain

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from oracles import AS_WRITTEN, REWRITTEN
from pytensor.gradient import pushforward, verify_grad
from pytensor.scan.op import Scan
from rotation_cases import CASES, QUICK, graph, loop, matrix, named, values, variables

from unitarygraph.ops.recurrence import (
    RotationRecurrence,
    RotationRecurrenceGrad,
    rotation_recurrence,
)
from unitarygraph.ops.recurrence.rotation_scan import rotation_scan
from unitarygraph.parametrizations import Givens

pytestmark = pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS")
SIZES = [(9, 19, 8, 3), (2, 8, 1, 0), (1, 1, 2, 1), (0, 3, 4, 2), (3, 0, 4, 2), (3, 2, 0, 0)]
#: of the tunable form alone
MORE_SIZES = [(4, 17, 7, 4), (3, 5, 1, 3), (3, 9, 6, 0)]
SOME = [c if c in QUICK else pytest.param(c, marks=pytest.mark.slow) for c in CASES]


def joined(lists):
    """The lists one after another."""
    return list(chain.from_iterable(lists))


def agree(got, want, factor=300):
    assert got.shape == want.shape
    assert got.dtype == want.dtype
    bound = factor * np.finfo(want.dtype).eps * max(1, np.abs(want).max(initial=0))
    np.testing.assert_allclose(got, want, rtol=0, atol=bound)


def compiled(case, dtype="float64", mode=AS_WRITTEN):
    """States and gradients as a function of arrays."""
    return pytensor.function(*graph(case, dtype), mode=mode, on_unused_input="ignore")


@pytest.fixture(scope="module", params=SOME, ids=named)
def case(request):
    """A case and its function in Python mode."""
    return request.param, compiled(request.param)


def test_loop(case):
    which, ours = case
    for sizes in SIZES + (MORE_SIZES if which[3] == "tunable" else []):
        given = values(which, "float64", *sizes)
        agree(ours(*given)[0], loop(which, *given))


# A scan compiles for a second.
@pytest.mark.parametrize(
    "which",
    [c if c == QUICK[0] else pytest.param(c, marks=pytest.mark.slow) for c in CASES],
    ids=named,
)
def test_scan(which):
    op, v = RotationRecurrence(*which), variables(which)
    states = rotation_scan(op, *v.values())
    wrt = [v[name] for name in op.differentiable]
    wanted = [states, *pt.grad(pt.sum(states * pt.cos(states)), wrt)]
    by_scan = pytensor.function([*v.values()], wanted, mode=AS_WRITTEN, on_unused_input="ignore")
    ours = compiled(which)
    for function, expected in (ours, 0), (by_scan, 2):
        nodes = function.maker.fgraph.apply_nodes
        assert sum(isinstance(node.op, Scan) for node in nodes) == expected
    for sizes in (9, 19, 8, 3), (1, 1, 2, 1):
        given = values(which, "float64", *sizes)
        for got, want in zip(ours(*given), by_scan(*given), strict=True):
            agree(got, want)


def test_no_step_at_all_leaves_no_gradient(case):
    which, ours = case
    states, *bars = ours(*values(which, "float64", 0, 3, 4))
    assert len(states) == 0
    assert not any(np.any(bar) for bar in bars)


def test_non_contiguous_input(case):
    which, ours = case
    given = values(which)
    twisted = [np.asfortranarray(x) for x in given]
    twisted[0] = np.repeat(given[0], 2, axis=-1)[..., ::2]
    for got, want in zip(ours(*twisted), ours(*given), strict=True):
        np.testing.assert_array_equal(got, want)


def test_nan_stays_in_its_sample_and_masked_entries_may_hold_anything(case):
    which, ours = case
    given = values(which, T=6)
    drive, mask = given[0], given[-1]
    mask[...] = True
    drive[2, ..., 1, 0] = np.nan
    states, drive_bar, theta_bar, *_ = ours(*given)
    assert np.isnan(states[2:, ..., 1, :]).any()
    assert np.isfinite(states[..., [0, 2], :]).all()
    assert np.isfinite(drive_bar[..., [0, 2], :]).all()
    assert np.isnan(theta_bar).any()
    if which[2]:
        mask[2:, 1] = False
        assert all(np.isfinite(x).all() for x in ours(*given))


def test_huge_and_tiny_numbers(case):
    which, ours = case
    if which[:2] != ("real", "modrelu"):
        pytest.skip("the loop squares, or saturates")
    for scale in 1e300, 1e-300:
        given = values(which, "float64", 3, 5, 4)
        for name, x in zip(variables(which), given, strict=True):
            if name in ("drive", "h0", "bias"):
                x *= scale
        agree(ours(*given)[0] / scale, loop(which, *given) / scale)


@pytest.mark.slow
def test_single_precision_is_double_rounded(case):
    which, ours = case
    given = values(which, "float32", 20, 21, 16)
    exact = ours(*(x if x.dtype == bool else x.astype("float64") for x in given))
    for got, want in zip(compiled(which, "float32")(*given), exact, strict=True):
        assert got.dtype == "float32"
        agree(got, want.astype("float32"), 500)


def fixed(which, **sizes):
    """Arrays, the places of those that have derivatives, and the states as a function of these."""
    op, given = RotationRecurrence(*which), values(which, **sizes)
    places = [k for k, name in enumerate(op.axes_in) if name in op.differentiable]

    def states(*moving):
        inputs = [pt.constant(x) for x in given]
        for place, x in zip(places, moving, strict=True):
            inputs[place] = x
        return op(*inputs)[0]

    return [given[k] for k in places], states


def check(function, given):
    """`verify_grad` as this file calls it."""
    verify_grad(
        function, given, rng=np.random.default_rng(3), mode=AS_WRITTEN, no_debug_ref=False,
        rel_tol=1e-5, abs_tol=1e-5,
    )  # fmt: skip


@pytest.mark.parametrize("which", SOME, ids=named)
def test_finite_differences(which):
    moving, states = fixed(which, T=4, B=2)
    check(states, moving)


# Second derivatives are graphs of scans, which compile for seconds, complex ones for ten.
@pytest.mark.parametrize(
    "which",
    [c if c == QUICK[3] else pytest.param(c, marks=pytest.mark.slow) for c in CASES],
    ids=named,
)
def test_second_derivatives_by_finite_differences(which):
    moving, states = fixed(which, T=2, B=2, n=2 if which[3] == "fft" else 3, L=2)
    weight = np.random.default_rng(4).standard_normal(moving[0].shape)

    def gradient(*moving):
        bars = pt.grad(pt.sum(weight * pt.sqr(states(*moving))), list(moving))
        return pt.concatenate([bar.ravel() for bar in bars])

    check(gradient, moving)


@pytest.mark.parametrize(
    ("of", "direct"),
    [
        ("states", True),
        pytest.param("states", False, marks=pytest.mark.slow),
        pytest.param("gradient", True, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(
    "which", [QUICK[3], pytest.param(QUICK[0], marks=pytest.mark.slow)], ids=named
)
def test_tangents_forward(which, of, direct):
    if of == "gradient" and which == QUICK[0]:
        pytest.skip("a step of that scan has sums of more terms than a function of NumPy takes")
    moving, states = fixed(which, T=3, B=2, n=2, L=2)
    tangents, _ = fixed(which, T=3, B=2, n=2, L=2, seed=6)
    v, u = ([pt.tensor(dtype="float64", shape=x.shape) for x in moving] for _ in range(2))
    y = states(*v)
    if of == "gradient":
        y = pt.concatenate([bar.ravel() for bar in pt.grad(pt.sum(pt.sqr(y)), v)])
    dot = pushforward(y, v, u, use_op_pushforward=direct)
    f = pytensor.function([*v, *u], [y, dot], mode=AS_WRITTEN, on_unused_input="ignore")
    h = 1e-6
    up, down = (
        f(*(x + sign * h * dx for x, dx in zip(moving, tangents, strict=True)), *tangents)[0]
        for sign in (1, -1)
    )
    np.testing.assert_allclose(
        f(*moving, *tangents)[1], (up - down) / (2 * h), rtol=1e-6, atol=1e-6
    )


@pytest.mark.slow
def test_derivative_of_an_input_that_depends_on_another():
    # h0 and theta share a parameter: each derivative must count its own path only.
    def gradient(p):
        h0 = 0.5 * p[0, 0] * np.ones((3, 2))
        states = rotation_recurrence(np.ones((2, 3, 2)), p.T, h0=h0, activation="tanh")
        return pt.grad(pt.sum(pt.sqr(states)), p)

    check(gradient, [np.random.default_rng(7).standard_normal((1, 3))])


def test_derivatives_beyond_the_first_need_the_number_of_layers():
    v = variables(QUICK[2])
    states = RotationRecurrence(*QUICK[2])(*v.values())[0]
    bar = pt.grad(pt.sum(pt.sqr(states)), v["theta"])
    with pytest.raises(NotImplementedError, match="static numbers of layers"):
        pt.grad(pt.sum(bar), v["theta"])


@pytest.fixture(
    scope="module",
    params=[QUICK[:1], pytest.param(CASES, marks=pytest.mark.slow)],
    ids=["some", "all"],
)
def in_numba(request):
    """Cases, and one function of them all in numba's mode, which compiles seconds for each."""
    given, outputs = zip(*(graph(case) for case in request.param), strict=True)
    return request.param, pytensor.function(
        joined(given), joined(outputs), mode="NUMBA", on_unused_input="ignore"
    )


@pytest.mark.parametrize("sizes", [(5, 35, 4), (1, 1, 1, 1), (0, 3, 4), (3, 0, 4)], ids=str)
def test_every_mode_runs_the_same_kernel(in_numba, sizes, monkeypatch):
    cases, function = in_numba
    given = [values(case, "float64", *sizes) for case in cases]
    expected = joined(compiled(case)(*arrays) for case, arrays in zip(cases, given, strict=True))
    for op in (RotationRecurrence, RotationRecurrenceGrad):
        monkeypatch.setattr(op, "perform", None)
    kept = [x.copy() for x in joined(given)]
    for got, want in zip(function(*joined(given)), expected, strict=True):
        agree(got, want)
    for x, copy in zip(joined(given), kept, strict=True):
        np.testing.assert_array_equal(x, copy)


def test_wrong_shapes_at_run_time(in_numba):
    cases, function = in_numba
    slow = compiled(cases[0])
    good = values(cases[0])
    for wrong, x in enumerate(good):
        given = list(good)
        given[wrong] = np.concatenate([x, x[..., :1]], axis=-1)
        calls = [lambda given=given: slow(*given)]
        if len(cases) == 1:
            calls.append(lambda given=given: function(*given))
        for call in calls:
            with pytest.raises(ValueError, match=r"rotation recurrence: \w+ must be"):
                call()
    # What no axis says: n // 2 angles of a layer.
    given = [
        x[..., :1] if name in ("theta", "phi") else x
        for name, x in zip(variables(cases[0]), good, strict=True)
    ]
    for f in (slow, function)[: 3 - min(len(cases), 2)]:
        with pytest.raises(ValueError, match=r"rotation recurrence: theta must be .L, n // 2."):
            f(*given)


def test_rows_may_be_divided_over_threads(case, monkeypatch):
    threads = pytest.importorskip("unitarygraph.kernels.threads")
    which, ours = case
    given = values(which, "float64", 6, 35, 4)
    expected = ours(*given)
    monkeypatch.setattr(threads, "LEAST_WORK", 1)
    monkeypatch.setattr(threads, "controllers", lambda: [Controller()])
    monkeypatch.setattr(threads, "thread_count", lambda: 3)
    assert len(threads.row_blocks(35, 1e9)) == 3
    for got, want in zip(ours(*given), expected, strict=True):
        agree(got, want)


class Controller:
    """Of a BLAS whose threads are as they should be."""

    def get_num_threads(self):
        return 1

    def set_num_threads(self, count):
        assert count == 1


def test_arrays_are_reused_where_they_are_the_graphs_own():
    which = QUICK[0]
    given = values(which)
    v, kept = variables(which, static=given), [x.copy() for x in given]
    for drive, in_place in ((2 * v["drive"], True), (v["drive"], False)):
        states = RotationRecurrence(*which)(*(v | {"drive": drive}).values())[0]
        outputs = [states, *pt.grad(pt.sqr(states).sum(), [v["theta"], v["drive"]])]
        results = []
        for mode in REWRITTEN, AS_WRITTEN:
            f = pytensor.function([*v.values()], outputs, mode=mode, on_unused_input="ignore")
            results.append(f(*given))
            ops = {type(n.op): n.op for n in f.maker.fgraph.apply_nodes}
            assert ops[RotationRecurrence].inplace == (in_place and mode is not AS_WRITTEN)
            assert ops[RotationRecurrenceGrad].inplace == (mode is not AS_WRITTEN)
        for got, want in zip(*results, strict=True):
            agree(got, want)
    for x, copy in zip(given, kept, strict=True):
        np.testing.assert_array_equal(x, copy)


@pytest.mark.parametrize(
    "options",
    [{"capacity": 3}, {"style": "fft", "diagonal": "first"}, {"field": "real"}],
    ids=str,
)
def test_the_matrix_is_the_parametrizations(options):
    p = Givens(8, **options, dtype="float64", rng=0)
    theta, *rest = (v.get_value() for v in p.params)
    phi, omega = rest or (None, None)
    which = (p.field, "modrelu", False, p.style, p.diagonal)
    np.testing.assert_allclose(p.value(), matrix(which, theta, phi, omega, 8), atol=1e-14)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"activation": "gelu"}, ValueError, "activation must be one of modrelu"),
        ({"style": "butterfly"}, ValueError, "style must be one of tunable, fft"),
        ({"diagonal": "middle"}, ValueError, "diagonal must be one of last, first"),
        ({"bias": None}, ValueError, "needs a bias"),
        ({"activation": "tanh"}, ValueError, "add it to drive"),
        ({"omega": None}, ValueError, "phi and omega go together"),
        ({"phi": None}, ValueError, "phi and omega go together"),
        ({"theta": np.ones((3, 3)), "phi": np.ones((3, 3))}, ValueError, "must be .L, n // 2."),
        ({"style": "fft"}, ValueError, "style 'fft' needs n = 2.L, got T = 5"),
        ({"phi": np.ones((2, 2))}, ValueError, "phi must be .L, p. with T = 5"),
        ({"h0": np.ones((3, 4))}, ValueError, "h0 must be"),
        ({"bias": np.ones(3)}, ValueError, "bias must be"),
        ({"mask": np.ones((3, 5))}, ValueError, "mask must be"),
        ({"omega": np.ones(4, "float32")}, TypeError, "must have one dtype"),
        ({"drive": np.ones((5, 2, 3, 4), int)}, TypeError, "must have one dtype"),
    ],
)
def test_wrong_inputs_when_the_graph_is_built(change, error, message):
    given = dict(zip(variables(QUICK[0]), values(QUICK[0]), strict=True)) | change
    with pytest.raises(error, match=f"rotation recurrence: .*{message}"):
        rotation_recurrence(**given)
