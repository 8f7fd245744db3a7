"""`ug.recurrence` against a complex NumPy loop, `pytensor.scan` and finite differences."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from oracles import AS_WRITTEN
from pytensor.compile.mode import Mode
from pytensor.gradient import pullback, pushforward, verify_grad

import unitarygraph as ug
from unitarygraph.ops.activations import RECURRENT
from unitarygraph.ops.recurrence import Recurrence, RecurrenceGrad, recurrence, reference
from unitarygraph.ops.recurrence.scan import recurrence_scan

pytestmark = pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS")
FIELDS = ("complex", "real")
ACTIVATIONS = tuple(RECURRENT)
NAMES = ("drive", "W", "h0", "bias")


def planes(field):
    return (2,) if field == "complex" else ()


def values(field, T=5, B=3, n=4, dtype="float64", seed=0):
    """drive, W, h0, bias; a bias wide enough that the modReLU has dead and living units."""
    rng = np.random.default_rng(seed)
    p = planes(field)
    shapes = (T, *p, B, n), (*p, n, n), (*p, B, n), (n,)
    scales = 1, 0.6 / np.sqrt(max(n, 1)), 1, 0.8
    return [
        (scale * rng.normal(size=shape)).astype(dtype)
        for scale, shape in zip(scales, shapes, strict=True)
    ]


def a_mask(T, B, seed=1):
    return np.random.default_rng(seed).random((T, B)) < 0.6


def variables(field, dtype="float64", static=None):
    ranks = [len(planes(field)) + extra for extra in (3, 2, 2)] + [1]
    shapes = [v.shape for v in static] if static else [(None,) * r for r in ranks]
    return [pt.tensor(name, dtype=dtype, shape=s) for name, s in zip(NAMES, shapes, strict=True)]


def bias_for(activation, bias):
    return bias if activation == "modrelu" else None


def loop(field, activation, drive, W, h0, bias, mask=None):
    """The definition, one sample and one complex number at a time."""
    if field == "complex":
        drive, W, h0 = (a[..., 0, :, :] + 1j * a[..., 1, :, :] for a in (drive, W, h0))

    def f(z, b):
        if activation == "modrelu" and field == "complex":
            m = np.sqrt(abs(z) ** 2 + 1e-5)
            return z * max(m + b, 0) / m
        if activation == "modrelu":
            return np.sign(z) * max(abs(z) + b, 0)
        part = {
            "relu": lambda x: max(x, 0),
            "leaky_relu": lambda x: max(x / 10, x),
            "tanh": np.tanh,
            "identity": float,
        }[activation]
        return part(z.real) + 1j * part(z.imag) if field == "complex" else part(z)

    h, states = h0.copy(), []
    for t in range(len(drive)):
        z, new = h @ W + drive[t], h.copy()
        for r in range(h.shape[0]):
            if mask is None or mask[t, r]:
                new[r] = [f(z[r, j], bias[j]) for j in range(h.shape[1])]
        h = new
        states.append(np.stack([h.real, h.imag]) if field == "complex" else h)
    return np.array(states)


def everything(v, s, last, c, d):
    """States, last state and the gradients of a loss that reads both."""
    return [
        s,
        last,
        *pt.grad(pt.sum(s * c) + pt.sum(pt.sqr(last) * d), v, disconnected_inputs="ignore"),
    ]


def tolerance(x, steps=5):
    return 30 * steps * np.finfo(x.dtype).eps * max(1, np.abs(x).max(initial=0))


def agree(results, expected):
    for got, want in zip(results, expected, strict=True):
        assert got.shape == want.shape
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got, want, rtol=0, atol=tolerance(want, len(results[0])))


# A scan compiles for seconds: the lineage's activation here, the others among the slow tests.
@pytest.mark.parametrize(
    "masked", [pytest.param(False, marks=pytest.mark.slow), True], ids=["full", "masked"]
)
@pytest.mark.parametrize(
    "activation",
    [a if a == "modrelu" else pytest.param(a, marks=pytest.mark.slow) for a in ACTIVATIONS],
)
@pytest.mark.parametrize("field", FIELDS)
def test_loop_and_scan(field, activation, masked):
    given = values(field)
    mask = a_mask(5, 3) if masked else None
    v = variables(field, static=given)
    bias = bias_for(activation, v[3])
    rng = np.random.default_rng(2)
    c, d = rng.normal(size=given[0].shape), rng.normal(size=given[2].shape)

    s = recurrence(*v[:3], bias, activation, mask)
    last = recurrence(*v[:3], bias, activation, mask, states="last")
    assert s.type.shape == given[0].shape
    assert last.type.shape == given[2].shape
    wrt = v if activation == "modrelu" else v[:3]
    ours = everything(wrt, s, last, c, d)
    keep = None if mask is None else pt.constant(mask)
    s = recurrence_scan(*v[:3], bias, activation, keep)
    reference = everything(wrt, s, s[-1], c, d)

    results = pytensor.function(v, ours + reference, mode=AS_WRITTEN, on_unused_input="ignore")(
        *given
    )
    agree(results[: len(ours)], results[len(ours) :])
    np.testing.assert_allclose(
        results[0], loop(field, activation, *given, mask), rtol=0, atol=tolerance(results[0])
    )


@pytest.mark.parametrize("states", ["all", "last"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("field", FIELDS)
def test_finite_differences(field, activation, states):
    mask = a_mask(5, 3)

    def f(*v):
        return recurrence(*v[:3], *v[3:], activation=activation, mask=mask, states=states)

    given = values(field)[: 4 if activation == "modrelu" else 3]
    rng = np.random.default_rng(3)
    verify_grad(f, given, rng=rng, mode=AS_WRITTEN, no_debug_ref=False, rel_tol=1e-5, abs_tol=1e-5)


@pytest.mark.parametrize("activation", ["modrelu", pytest.param("tanh", marks=pytest.mark.slow)])
@pytest.mark.parametrize("field", ["complex", pytest.param("real", marks=pytest.mark.slow)])
def test_second_derivatives_by_finite_differences(field, activation):
    given = values(field, T=3, B=2, n=2)[: 4 if activation == "modrelu" else 3]
    mask = a_mask(3, 2)
    c = np.random.default_rng(4).normal(size=given[0].shape)

    def gradient(*v):
        s = recurrence(*v, activation=activation, mask=mask)
        last = recurrence(*v, activation=activation, mask=mask, states="last")
        bars = pt.grad(pt.sum(c * pt.sqr(s)) + pt.sum(pt.sqr(last) * last), list(v))
        return pt.concatenate([bar.ravel() for bar in bars])

    rng = np.random.default_rng(5)
    verify_grad(
        gradient, given, rng=rng, mode=AS_WRITTEN, no_debug_ref=False, rel_tol=1e-5, abs_tol=1e-5
    )


@pytest.mark.parametrize(
    "direct",
    [pytest.param(False, marks=pytest.mark.slow), True],
    ids=["double pullback", "pushforward"],
)
@pytest.mark.parametrize("field", FIELDS)
def test_tangents_forward(field, direct):
    given = values(field)
    tangents = values(field, seed=6)
    v, u = variables(field, static=given), variables(field, static=given)
    s, last, _ = Recurrence(field, "modrelu", False)(*v, pt.zeros((0, 0), "bool"))
    # The Jacobian of a gradient forward is a large graph: in the real field only.
    outputs = [s, last]
    if field == "real":
        bars = pt.grad(pt.sum(pt.sqr(s)) + pt.sum(pt.sqr(last) * last), v)
        outputs.append(pt.concatenate([bar.ravel() for bar in bars]))
    # One at a time: PyTensor's double pullback stops at an output that another one is made of.
    dots = [pushforward(output, v, u, use_op_pushforward=direct) for output in outputs]
    f = pytensor.function([*v, *u], [*outputs, *dots], mode=AS_WRITTEN, on_unused_input="ignore")
    h = 1e-6
    up, down = (
        f(*(x + sign * h * dx for x, dx in zip(given, tangents, strict=True)), *tangents)
        for sign in (1, -1)
    )
    for k, dot in enumerate(f(*given, *tangents)[len(outputs) :]):
        np.testing.assert_allclose(dot, (up[k] - down[k]) / (2 * h), rtol=1e-6, atol=1e-6)


def test_derivative_of_an_input_that_depends_on_another():
    # h0 and W share a parameter: each derivative must count its own path only.
    def gradient(p):
        s = recurrence(np.ones((2, 3, 2)), p, 0.5 * p[:1] * np.ones((3, 1)), activation="tanh")
        return pt.grad(pt.sum(pt.sqr(s)), p)

    p = np.random.default_rng(7).normal(size=(2, 2))
    rng = np.random.default_rng(8)
    verify_grad(
        gradient, [p], rng=rng, mode=AS_WRITTEN, no_debug_ref=False, rel_tol=1e-5, abs_tol=1e-5
    )


def test_gradient_of_the_last_state_needs_no_cotangents_of_all():
    v = variables("complex")
    bar = pt.grad(pt.sum(recurrence(*v, states="last")), v[0])
    assert bar.owner.op == RecurrenceGrad("complex", "modrelu", False, False, True)
    assert bar.owner.inputs[7].type.shape == (0, 0, 0, 0)


@pytest.mark.parametrize(
    "sizes", [(37, 3, 4), (17, 2, 3), (1, 1, 1), (0, 3, 4), (3, 0, 4), (3, 2, 0)], ids=str
)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("field", FIELDS)
def test_compiled_loops_agree_with_the_loop_in_numpy(field, activation, sizes):
    T, B, n = sizes
    drive, W, h0, bias = values(field, *sizes)
    biased = activation == "modrelu"
    rng = np.random.default_rng(11)
    states_bar, last_bar = rng.normal(size=drive.shape), rng.normal(size=h0.shape)
    for mask, bars in [
        (None, (states_bar, last_bar)),
        (a_mask(T, B), (states_bar, last_bar)),
        (a_mask(T, B), (states_bar, None)),
        (None, (None, last_bar)),
        (None, (None, None)),
    ]:
        masked = mask is not None
        states, m = reference.forward(drive, W, h0, bias, mask, activation)
        bias_bar = np.empty(n if biased else 0)
        results = [np.empty_like(states), np.empty_like(h0), np.empty_like(m)]
        op = Recurrence(field, activation, masked)
        op.run([drive, W, h0, bias, mask], results)
        agree(results[:2], [states, states[-1] if T else h0])
        # Where the mask is 0 nobody reads them.
        read = mask if masked and m.size else slice(None)
        agree([results[2][read]], [m[read]])
        given = W, h0, bias, mask, states, m, *bars
        wanted = reference.backward(*given, activation)
        results = [*map(np.empty_like, wanted[:3]), bias_bar]
        op = RecurrenceGrad(field, activation, masked, *(bar is not None for bar in bars))
        op.run([drive, *given], results)
        agree(results[: 3 + biased], wanted[: 3 + biased])


@pytest.fixture(scope="module", params=FIELDS)
def numba_case(request):
    """The modReLU with mask, all outputs and gradients: in numba's mode, and in Python's."""
    field = request.param
    v = variables(field)
    mask = pt.matrix("mask", dtype="bool")
    # Cotangents are given: numba compiles the two Ops, and no loss.
    bars = [x.type() for x in (v[0], v[2])]
    states = list(Recurrence(field, "modrelu", True)(*v, mask)[:2])
    outputs = [*states, *pullback(states, v, bars)]
    fast, slow = (
        pytensor.function([*v, mask, *bars], outputs, mode=mode) for mode in ("NUMBA", AS_WRITTEN)
    )
    return field, fast, slow


def cotangents(given, seed=9):
    """Of the states and the last state."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=given[place].shape) for place in (0, 2)]


@pytest.mark.parametrize(
    "sizes", [(37, 3, 4), (17, 2, 3), (1, 1, 1), (0, 3, 4), (3, 0, 4), (3, 2, 0)], ids=str
)
def test_every_mode_runs_the_same_kernel(numba_case, sizes, monkeypatch):
    field, fast, slow = numba_case
    T, B, _ = sizes
    given = values(field, *sizes)
    case = [*given, a_mask(T, B), *cotangents(given)]
    expected = slow(*case)
    for op in (Recurrence, RecurrenceGrad):
        monkeypatch.setattr(op, "perform", None)
    results = fast(*case)
    for got, want in zip(results[:2], expected[:2], strict=True):
        np.testing.assert_array_equal(got, want)
    agree(results, expected)
    if T == 0:
        np.testing.assert_array_equal(results[1], given[2])


@pytest.mark.parametrize("field", FIELDS)
def test_gradients_of_all_modes_are_the_same_to_the_last_bit(field):
    given = values(field, T=9, dtype="float32")
    v, c = variables(field, "float32"), np.float32(0.5)
    states = recurrence(*v)
    # The cotangent is the states': nothing between that modes compute each in its way.
    outputs = [states, *pullback([states], v, [states * c])]
    results = [
        pytensor.function(v, outputs, mode=mode)(*given)
        for mode in (AS_WRITTEN, "FAST_COMPILE", Mode(linker="vm", optimizer="fast_run"), "NUMBA")
    ]
    for other in results[1:]:
        for got, want in zip(other, results[0], strict=True):
            np.testing.assert_array_equal(got, want)


def test_rows_may_be_divided_over_threads(numba_case, monkeypatch):
    threads = pytest.importorskip("unitarygraph.kernels.threads")
    field, fast, slow = numba_case
    given = values(field, T=6, B=35, n=5)
    case = [*given, a_mask(6, 35), *cotangents(given)]
    expected = slow(*case)
    monkeypatch.setattr(threads, "LEAST_WORK", 1)
    monkeypatch.setattr(threads, "controllers", lambda: [Controller()])
    for count, blocks in (1, 1), (2, 2), (3, 3), (9, 4):
        monkeypatch.setattr(threads, "thread_count", lambda count=count: count)
        assert len(threads.row_blocks(35, 1e9)) == blocks
        agree(fast(*case), expected)


class Controller:
    """Of a BLAS whose threads are as they should be."""

    def get_num_threads(self):
        return 1

    def set_num_threads(self, count):
        assert count == 1


def test_threads_are_those_allowed(monkeypatch):
    numba = pytest.importorskip("numba")
    threads = pytest.importorskip("unitarygraph.kernels.threads")
    before = numba.get_num_threads()
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    try:
        numba.set_num_threads(1)
        assert threads.thread_count() == 1
    finally:
        numba.set_num_threads(before)
    assert threads.thread_count() == before
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert threads.thread_count() == 1
    monkeypatch.setattr(threads, "controllers", lambda: ())
    monkeypatch.setattr(threads, "thread_count", lambda: 4)
    assert threads.row_blocks(64, 1e9) == [(0, 64)]


def test_non_contiguous_input(numba_case):
    field, fast, slow = numba_case
    given = values(field, T=6)
    case = [*given, a_mask(6, 3), *cotangents(given)]
    twisted = [np.asfortranarray(a) for a in case]
    twisted[0] = np.repeat(case[0], 2, axis=-1)[..., ::2]
    expected = slow(*case)
    agree(fast(*twisted), expected)
    agree(slow(*twisted), expected)


def test_nan_stays_nan_and_masked_entries_may_hold_anything(numba_case):
    field, fast, slow = numba_case
    given = values(field, T=6)
    given[0][(2, *(0,) * len(planes(field)), 1, 0)] = np.nan
    mask = np.ones((6, 3), bool)
    for f in (fast, slow):
        states, last, *bars = f(*given, mask, *cotangents(given))
        assert np.isnan(states[2:, ..., 1, :]).any()
        assert np.isfinite(states[..., [0, 2], :]).all()
        assert np.isnan(last).any()
        assert np.isnan(bars[1]).any()
    mask[2:, 1] = False
    for f in (fast, slow):
        assert all(np.isfinite(out).all() for out in f(*given, mask, *cotangents(given)))


@pytest.mark.parametrize("wrong", range(5), ids=[*NAMES, "mask"])
def test_wrong_shapes_at_run_time(numba_case, wrong):
    field, fast, slow = numba_case
    given = values(field)
    case, bars = [*given, a_mask(5, 3)], cotangents(given)
    case[wrong] = np.concatenate([case[wrong], case[wrong][..., :1]], axis=-1)
    for f in (fast, slow):
        with pytest.raises(ValueError, match=r"recurrence: \w+ must be"):
            f(*case, *bars)


@pytest.mark.parametrize(
    "activation",
    [
        "tanh",
        *(pytest.param(a, marks=pytest.mark.slow) for a in ("relu", "leaky_relu", "identity")),
    ],
)
def test_kernels_of_the_other_activations(activation):
    # Unmasked, last state only; both fields in one compiled function.
    v = [variables(field)[:3] for field in FIELDS]
    outputs = []
    for part in v:
        last = recurrence(*part, activation=activation, states="last")
        outputs += [last, *pullback([last], part, [last])]
    given = [a for field in FIELDS for a in values(field, T=20)[:3]]
    results, expected = (
        pytensor.function([*v[0], *v[1]], outputs, mode=mode)(*given)
        for mode in ("NUMBA", AS_WRITTEN)
    )
    agree(results, expected)


def test_float32_stays_float32():
    v = [variables(field, dtype="float32") for field in FIELDS]
    outputs = []
    for part in v:
        s = recurrence(*part)
        outputs += [s, *pullback([s], part, [s])]
    given = [values(field, T=20, dtype="float32") for field in FIELDS]
    f32 = given[0] + given[1]
    exact = [a.astype("float64") for a in f32]
    double = [variables(field) for field in FIELDS]
    expected = []
    for part in double:
        s = recurrence(*part)
        expected += [s, *pullback([s], part, [s])]
    expected = pytensor.function([*double[0], *double[1]], expected, mode=AS_WRITTEN)(*exact)
    for mode in ("NUMBA", AS_WRITTEN):
        results = pytensor.function([*v[0], *v[1]], outputs, mode=mode)(*f32)
        for got, want in zip(results, expected, strict=True):
            assert got.dtype == "float32"
            np.testing.assert_allclose(got, want, rtol=0, atol=2e-5 * np.abs(want).max())
            assert np.linalg.norm(got - want) < 3e-6 * np.linalg.norm(want)


def test_shapes_are_inferred_without_running_the_op():
    for field in FIELDS:
        v = variables(field)
        s = recurrence(*v)
        bar = pt.grad(pt.sum(pt.sqr(s)), v[1])
        f = pytensor.function(
            v, [s.shape, bar.shape], mode="FAST_COMPILE", on_unused_input="ignore"
        )
        assert not any(
            isinstance(node.op, Recurrence | RecurrenceGrad) for node in f.maker.fgraph.apply_nodes
        )
        given = values(field)
        assert [tuple(shape) for shape in f(*given)] == [given[0].shape, given[1].shape]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"activation": "gelu"}, ValueError, "activation must be one of modrelu"),
        ({"states": "first"}, ValueError, "states must be 'all' or 'last'"),
        ({"bias": None}, ValueError, "needs a bias"),
        ({"activation": "tanh"}, ValueError, "add it to drive"),
        ({"W": np.ones(4)}, ValueError, "W must be"),
        ({"W": np.ones((4, 5))}, ValueError, "W must be"),
        ({"W": np.ones((2, 4, 4))}, ValueError, "drive must be"),
        ({"W": np.ones((5, 5))}, ValueError, "W must be .n, n. with T = 5, B = 3, n = 4"),
        ({"h0": np.ones((2, 4))}, ValueError, "h0 must be"),
        ({"bias": np.ones(3)}, ValueError, "bias must be"),
        ({"mask": np.ones((3, 5))}, ValueError, "mask must be"),
        ({"W": np.ones((4, 4), "float32")}, TypeError, "must have one dtype"),
        ({"drive": np.ones((5, 3, 4), int)}, TypeError, "must have one dtype"),
        (
            {"h0": np.ones((3, 4), complex)},
            ValueError,
            "h0 is complex, so W must be, got a real one",
        ),
        ({"bias": np.ones(4, complex)}, TypeError, "bias must be real"),
    ],
)
def test_wrong_inputs_when_the_graph_is_built(change, error, message):
    given = dict(zip(NAMES, values("real"), strict=True)) | change
    with pytest.raises(error, match=f"recurrence: .*{message}"):
        recurrence(**given)


@pytest.mark.parametrize("field", FIELDS)
def test_arrays_are_reused_and_the_users_left_alone(field):
    """In place inside the graph, never on an input of the compiled function."""
    plane = (2,) if field == "complex" else ()
    rng = np.random.default_rng(0)
    x, W, h0, bias = (
        pt.tensor(name, dtype="float64", shape=shape)
        for name, shape in (
            ("x", (5, *plane, 3, 4)),
            ("W", (*plane, 4, 4)),
            ("h0", (*plane, 3, 4)),
            ("bias", (4,)),
        )
    )
    inputs = [x, W, h0, bias]
    values = [rng.standard_normal(v.type.shape) for v in inputs]
    kept = [v.copy() for v in values]
    for drive, forward_in_place in ((2 * x, True), (x, False)):
        states = recurrence(drive, W, h0, bias)
        outputs = [states, *pullback([states], inputs, [2 * states])]
        f = pytensor.function(inputs, outputs, mode="NUMBA")
        ops = {type(n.op): n.op for n in f.maker.fgraph.apply_nodes}
        assert ops[Recurrence].inplace == forward_in_place
        assert ops[RecurrenceGrad].inplace
        reference = pytensor.function(inputs, outputs, mode="FAST_COMPILE")
        for got, expected in zip(f(*values), reference(*values), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12)
    for value, copy in zip(values, kept, strict=True):
        np.testing.assert_array_equal(value, copy)


def complex_loop(drive, W, h0, bias):
    """The modReLU's recurrence on NumPy complex arrays."""
    h, states = h0, []
    for drive_t in drive:
        z = h @ W + drive_t
        m = np.sqrt(abs(z) ** 2 + 1e-5)
        h = z * np.maximum(m + bias, 0) / m
        states.append(h)
    return np.array(states)


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_variables_and_arrays(dtype):
    drive, W, h0, bias = (
        ug.stacked.to_complex(a).astype(dtype) if a.ndim > 1 else a.astype(dtype).real
        for a in values("complex")
    )
    v = [
        ug.matrix(k, shape=a.shape, dtype=dtype)
        for k, a in zip(NAMES, (drive, W, h0), strict=False)
    ]
    wanted = complex_loop(drive, W, h0, bias)
    states = ug.recurrence(*v, bias)
    last = ug.recurrence(*v, bias, states="last")
    assert states.complex_shape == wanted.shape
    assert states.complex_dtype == last.complex_dtype == dtype
    weight = ug.as_complex(np.conj(wanted))
    loss = (weight * states).real.sum()
    slope = ug.grad(loss, v[1])
    f = ug.function(v, [states, last, slope, loss], mode="FAST_COMPILE")
    got, end, slope, _ = f(drive, W, h0)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=300 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(end, got[-1])
    if dtype == "complex128":
        direction = 1e-6 * (np.arange(16).reshape(4, 4) - 7j)
        rise = f(drive, W + direction, h0)[3] - f(drive, W - direction, h0)[3]
        np.testing.assert_allclose(np.vdot(slope, direction).real, rise / 2, rtol=1e-7)


@pytest.mark.parametrize("which", range(3), ids=NAMES[:3])
def test_plain_gives_plain_and_one_complex_argument_gives_complex(which):
    *given, bias = values("complex")
    plain = ug.recurrence(*given, bias)
    assert not isinstance(plain, ug.ComplexVariable)
    given[which] = ug.stacked.to_complex(given[which])
    marked = ug.recurrence(*given, bias)
    assert isinstance(marked, ug.ComplexVariable)
    np.testing.assert_array_equal(*(x.eval(mode="FAST_COMPILE") for x in (plain, marked.stacked)))


def test_a_complex_drive_asks_for_a_complex_matrix():
    drive, W, h0, _ = values("real")
    with pytest.raises(ValueError, match=r"drive is complex, so W must be.*unitarygraph.complex"):
        ug.recurrence(drive.astype(complex), W, h0, activation="tanh")
