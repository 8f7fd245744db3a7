"""`ug.recurrence` with few states kept, against the one that keeps all."""

import tracemalloc

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from oracles import AS_WRITTEN
from pytensor.compile.mode import Mode
from pytensor.gradient import pullback, pushforward, verify_grad

import unitarygraph as ug
from unitarygraph.ops.activations import MODRELU_EPS, RECURRENT
from unitarygraph.ops.recurrence import (
    CheckpointedRecurrence,
    CheckpointedRecurrenceGrad,
    RecurrenceGrad,
)
from unitarygraph.ops.recurrence.memory import schedule, symbolic_count

pytestmark = pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS")
FIELDS = ("complex", "real")
ACTIVATIONS = tuple(RECURRENT)
INVERTIBLE = ("modrelu", "leaky_relu", "identity")
SIZES = [(7, 3, 4), (16, 9, 5), (1, 1, 1), (0, 3, 4), (3, 0, 4)]
K = 3


def planes(field):
    return (2,) if field == "complex" else ()


def values(field, T=7, B=3, n=4, dtype="float64", seed=0):
    """drive, a unitary W, h0, bias of both signs, a readout."""
    rng = np.random.default_rng(seed)
    p = planes(field)
    drive, h0 = rng.normal(size=(T, *p, B, n)), rng.normal(size=(*p, B, n))
    W = np.linalg.qr(rng.normal(size=(n, n)) + 1j * bool(p) * rng.normal(size=(n, n)))[0]
    W = np.stack([W.real, W.imag]) if p else W.real
    bias, readout = 0.8 * rng.normal(size=n), rng.normal(size=((1 + len(p)) * n, K))
    return [a.astype(dtype) for a in (drive, W, h0, bias, readout)]


def a_mask(T, B, seed=1):
    return np.random.default_rng(seed).random((T, B)) < 0.6


def graph(given, activation, memory, mask=None, reads=False, weighed=True):
    """Inputs; the last state or outputs, and the gradients of a loss that weighs their entries.

    Not ``weighed``, the outputs are their own cotangents, which leaves less to compile.
    """
    v = [pt.tensor(dtype=a.dtype, shape=(None,) * a.ndim) for a in given]
    biased = RECURRENT[activation].biased
    kind = {"readout": v[4]} if reads else {"states": "last"}
    y = ug.recurrence(*v[:3], v[3] if biased else None, activation, mask, memory=memory, **kind)
    wrt = [*v[:3], *v[3 : 3 + biased], *v[4 : 4 + reads]]
    if not weighed:
        return v, [y, *pullback([y], wrt, [y])]
    weight = pt.cos(pt.arange(y.size, dtype=y.dtype)).reshape(y.shape)
    return v, [y, *pt.grad(pt.sum(weight.astype(y.dtype) * y), wrt)]


def computed(given, *args, mode=AS_WRITTEN, **options):
    """What `graph` says, as arrays."""
    v, outputs = graph(given, *args, **options)
    f = pytensor.function(v, outputs, mode=mode, on_unused_input="ignore")
    return [np.asarray(x) for x in f(*given)]


def agree(results, expected, factor=100):
    for got, want in zip(results, expected, strict=True):
        assert got.shape == want.shape
        assert got.dtype == want.dtype
        bound = factor * np.finfo(want.dtype).eps * max(1, np.abs(want).max(initial=0))
        np.testing.assert_allclose(got, want, rtol=0, atol=bound)


def the_same(results, expected):
    for got, want in zip(results, expected, strict=True):
        np.testing.assert_array_equal(got, want)
        assert got.dtype == want.dtype


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("field", FIELDS)
def test_states_computed_again_give_the_same_bits(field, activation, sizes):
    given = values(field, *sizes)
    for mask in None, a_mask(*sizes[:2]):
        expected = computed(given, activation, "all", mask)
        for memory in "sqrt", 1, 3, 10**9:
            the_same(computed(given, activation, memory, mask), expected)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("field", FIELDS)
def test_outputs_of_all_steps_and_their_gradients(field, activation, sizes):
    """Cotangents enter in the middle of sequences."""
    given = values(field, *sizes)
    for mask in None, a_mask(*sizes[:2]):
        expected = computed(given, activation, "all", mask, reads=True)
        for memory in "sqrt", 3:
            agree(computed(given, activation, memory, mask, reads=True), expected)


@pytest.mark.parametrize("reads", [False, True], ids=["last", "outputs"])
@pytest.mark.parametrize("activation", INVERTIBLE)
@pytest.mark.parametrize("field", FIELDS)
def test_states_run_backward(field, activation, reads):
    for sizes in SIZES:
        given = values(field, *sizes)
        given[3] = np.abs(given[3])
        for mask in None, a_mask(*sizes[:2]):
            expected = computed(given, activation, "all", mask, reads=reads)
            agree(computed(given, activation, "invert", mask, reads=reads), expected, 1000)


@pytest.mark.parametrize("field", FIELDS)
def test_single_precision(field):
    given = values(field, 50, dtype="float32")
    expected = computed(given, "modrelu", "all")
    the_same(computed(given, "modrelu", "sqrt"), expected)
    given[3] = np.abs(given[3])
    agree(computed(given, "modrelu", "invert"), computed(given, "modrelu", "all"), 2000)
    outputs = computed(given, "modrelu", "all", reads=True)
    agree(computed(given, "modrelu", "sqrt", reads=True), outputs, 1000)


def test_outputs_are_those_of_the_states():
    for field in FIELDS:
        drive, W, h0, bias, readout = values(field)
        states = ug.recurrence(drive, W, h0, bias).eval(mode="FAST_COMPILE")
        rows = np.concatenate([states[:, 0], states[:, 1]], -1) if field == "complex" else states
        for memory in "all", 2:
            y = ug.recurrence(drive, W, h0, bias, memory=memory, readout=readout)
            assert y.type.shape == (7, 3, K)
            np.testing.assert_allclose(y.eval(mode="FAST_COMPILE"), rows @ readout, atol=1e-14)


# numba compiles seconds for each.
@pytest.mark.parametrize(
    ("field", "memory"),
    [
        ("complex", "sqrt"),
        ("real", "invert"),
        pytest.param("real", "sqrt", marks=pytest.mark.slow),
        pytest.param("real", 3, marks=pytest.mark.slow),
        pytest.param("complex", 3, marks=pytest.mark.slow),
        pytest.param("complex", "invert", marks=pytest.mark.slow),
    ],
)
def test_numba_and_rewritten_graphs_run_the_same_kernels(field, memory, monkeypatch):
    given, mask = values(field, 16, 9, 5), a_mask(16, 9)
    given[3] = np.abs(given[3])
    v, last = graph(given, "modrelu", memory, mask, weighed=False)
    read = graph(given, "modrelu", memory, mask, reads=True, weighed=False)
    outputs = [
        *last,
        *pytensor.graph.replace.clone_replace(read[1], dict(zip(read[0], v, strict=True))),
    ]
    expected = pytensor.function(v, outputs, mode=AS_WRITTEN)(*given)
    vm = pytensor.function(v, outputs, mode=Mode(linker="vm", optimizer="fast_run"))
    agree(vm(*given), expected)
    for op in CheckpointedRecurrence, CheckpointedRecurrenceGrad:
        monkeypatch.setattr(op, "perform", None)
    compiled = pytensor.function(v, outputs, mode="NUMBA")
    agree(compiled(*given), expected)
    shorter = [given[0][:5], *given[1:]]
    with pytest.raises(ValueError, match="recurrence: mask must be"):
        compiled(*shorter)


@pytest.mark.parametrize("field", FIELDS)
def test_the_cotangent_takes_the_place_of_a_drive_that_nobody_else_reads(field):
    given = values(field)
    for memory in "sqrt", "invert":
        for double in False, True:
            v = [pt.tensor(dtype="float64", shape=(None,) * a.ndim) for a in given[:4]]
            drive = 2 * v[0] if double else v[0]
            y = ug.recurrence(drive, *v[1:], states="last", memory=memory)
            outputs = [y, *pt.grad(pt.sum(pt.sqr(y)), v)]
            f = pytensor.function(v, outputs, mode=Mode(linker="vm", optimizer="fast_run"))
            (op,) = (
                node.op
                for node in f.maker.fgraph.apply_nodes
                if isinstance(node.op, CheckpointedRecurrenceGrad)
            )
            assert op.inplace == double
            kept = [a.copy() for a in given]
            agree(f(*given[:4]), pytensor.function(v, outputs, mode=AS_WRITTEN)(*given[:4]))
            the_same(given, kept)


def test_in_place_a_failed_inversion_finds_its_drive_again():
    given = values("complex", 40)
    given[1] = 0.9 * given[1]
    expected = computed(given, "identity", "all")
    v, outputs = graph(given, "identity", "invert")
    doubled = pytensor.graph.replace.clone_replace(outputs, {v[0]: 2 * v[0]}, rebuild_strict=False)
    f = pytensor.function(
        v, doubled, mode=Mode(linker="vm", optimizer="fast_run"), on_unused_input="ignore"
    )
    agree(f(given[0] / 2, *given[1:]), expected)


class TestInversion:
    """Where states are run backward, and where that is noticed to be wrong."""

    @pytest.fixture
    def tries(self, monkeypatch):
        """Results of all inversions: whether each was good enough."""
        kernels = pytest.importorskip("unitarygraph.kernels.checkpointed_recurrence")
        found, original = [], kernels.by_inverse

        def noted(*args):
            found.append(original(*args))
            return found[-1]

        monkeypatch.setattr(kernels, "by_inverse", noted)
        return found

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("activation", ["modrelu", "identity"])
    @pytest.mark.parametrize("field", FIELDS)
    def test_a_unitary_matrix_is_undone(self, field, activation, dtype, tries):
        given = values(field, 700, 2, 6, dtype)
        # A large bias makes the modReLU expand, and gradients of any memory ill-conditioned.
        given[3] = 0.01 * np.abs(given[3])
        expected = computed(given, activation, "all")
        agree(computed(given, activation, "invert"), expected, 2000)
        assert tries == [True] * 3

    @pytest.mark.parametrize("field", FIELDS)
    def test_a_matrix_that_is_not_unitary_is_not(self, field, tries, monkeypatch):
        given = values(field, 60)
        given[1] = given[1] * 0.99
        expected = computed(given, "identity", "all")
        the_same(computed(given, "identity", "invert"), expected)
        assert tries == []
        # The checkpoint alone notices it as well.
        kernels = pytest.importorskip("unitarygraph.kernels.checkpointed_recurrence")
        monkeypatch.setattr(kernels, "may_invert", lambda *given: True)
        the_same(computed(given, "identity", "invert"), expected)
        assert tries == [False]

    def test_a_matrix_slightly_off_is_noticed_at_the_checkpoint(self, tries):
        given = values("complex", 300)
        given[1] = given[1] * (1 + 3e-15)
        expected = computed(given, "identity", "all")
        agree(computed(given, "identity", "invert"), expected, 3000)
        assert tries[0] is False

    def test_a_leaky_relu_loses_its_digits_and_is_computed_again(self, tries):
        given = values("complex", 60)
        the_same(*(computed(given, "leaky_relu", memory) for memory in ("invert", "all")))
        assert tries == [False]

    def test_a_negative_bias_is_computed_again(self, tries):
        given = values("complex", 60)
        the_same(*(computed(given, "modrelu", memory) for memory in ("invert", "all")))
        assert tries == []

    def test_nan_goes_where_it_goes_with_all_states(self, tries):
        given = values("complex", 20)
        given[3] = np.abs(given[3])
        given[0][5, 0, 1, 2] = np.nan
        the_same(*(computed(given, "modrelu", memory) for memory in ("invert", "all")))
        assert tries == [False]

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_modulus_from_that_of_the_state(self, dtype):
        numba = pytest.importorskip("numba")
        kernels = pytest.importorskip("unitarygraph.kernels.recurrence_inverse")
        inverse, steps = kernels.modrelu_inverse, kernels.newton_steps
        # They have no wrappers for Python.
        from_python = numba.njit(
            lambda x, y, m, b, size, *numbers: inverse(x, y, m, b, size, steps(b), *numbers)
        )
        eps = np.finfo(dtype).eps
        for top in 0, 1e-3, 0.01, 1, 100:
            r, b = np.meshgrid(np.logspace(-9, 4, 80), np.linspace(0, top, 20))
            z = r.ravel() * np.exp(1j * np.arange(r.size))
            m = np.sqrt(abs(z) ** 2 + MODRELU_EPS)
            h = z * (m + b.ravel()) / m
            x, y, b = (a.astype(dtype) for a in (h.real, h.imag, b.ravel()))
            found, size = np.empty_like(x), np.empty_like(x)
            numbers = (np.dtype(dtype).type(a) for a in (MODRELU_EPS, MODRELU_EPS**0.5, 1))
            from_python(x, y, found, b, size, *numbers)
            np.testing.assert_array_less(abs(x + 1j * y - z), 20 * eps * abs(h) + 1e-300)
            np.testing.assert_array_less(abs(found - m), 20 * eps * (abs(h) + m))


def test_rows_may_be_divided_over_threads(monkeypatch):
    threads = pytest.importorskip("unitarygraph.kernels.threads")
    given, mask = values("complex", 20, 35, 5), a_mask(20, 35)
    given[3] = np.abs(given[3])
    expected = computed(given, "modrelu", "all", mask, reads=True)
    monkeypatch.setattr(threads, "LEAST_WORK", 1)
    monkeypatch.setattr(threads, "controllers", lambda: [Controller()])
    monkeypatch.setattr(threads, "thread_count", lambda: 3)
    for memory in "sqrt", 4, "invert":
        agree(computed(given, "modrelu", memory, mask, reads=True), expected, 1000)


class Controller:
    """Of a BLAS whose threads are as they should be."""

    def get_num_threads(self):
        return 1

    def set_num_threads(self, count):
        assert count == 1


@pytest.mark.parametrize("field", FIELDS)
def test_finite_differences(field):
    given = values(field)

    def f(*v):
        return ug.recurrence(*v[:4], memory=3, readout=v[4], mask=a_mask(7, 3))

    rng = np.random.default_rng(3)
    verify_grad(f, given, rng=rng, mode=AS_WRITTEN, no_debug_ref=False, rel_tol=1e-5, abs_tol=1e-5)


@pytest.mark.parametrize("reads", [False, True], ids=["last", "outputs"])
def test_second_derivatives_by_finite_differences(reads):
    given = values("real", T=3, B=2, n=2)[: 4 + reads]

    def gradient(*v):
        kind = {"readout": v[4]} if reads else {"states": "last"}
        y = ug.recurrence(*v[:4], memory=2, **kind)
        return pt.concatenate([bar.ravel() for bar in pt.grad(pt.sum(pt.sin(y)), list(v))])

    rng = np.random.default_rng(5)
    verify_grad(
        gradient, given, rng=rng, mode=AS_WRITTEN, no_debug_ref=False, rel_tol=1e-5, abs_tol=1e-5
    )


@pytest.mark.parametrize("reads", [False, True], ids=["last", "outputs"])
def test_tangents_forward(reads):
    given, tangents = values("real"), values("real", seed=6)
    v, u = ([pt.tensor(dtype="float64", shape=a.shape) for a in given] for _ in range(2))
    kind = {"readout": v[4]} if reads else {"states": "last"}
    used = 4 + reads
    y = ug.recurrence(*v[:4], memory=3, **kind)
    dot = pushforward(y, v[:used], u[:used], use_op_pushforward=True)
    f = pytensor.function([*v, *u], [y, dot], mode=AS_WRITTEN, on_unused_input="ignore")
    h = 1e-6
    up, down = (
        f(*(x + s * h * dx for x, dx in zip(given, tangents, strict=True)), *tangents)[0]
        for s in (1, -1)
    )
    np.testing.assert_allclose(f(*given, *tangents)[1], (up - down) / (2 * h), atol=1e-6)


def test_the_schedule():
    T = pt.lscalar()
    for memory in "sqrt", "invert", 1, 7:
        counts = pytensor.function([T], symbolic_count(memory, T), mode="FAST_COMPILE")
        for steps in (*range(30), 256, 257, 99999, 100000, 99856):
            k, count = schedule(memory)(steps)
            assert len(range(k, steps, k)) == count == counts(steps)
    assert schedule("sqrt")(100000) == (317, 315)
    assert schedule("sqrt")(99856) == (316, 315)


def shapes_between(T, memory):
    """Bytes that the Ops of a last state and its gradient hand on to each other."""
    v, outputs = graph(values("complex", T), "modrelu", memory)
    made = [x for bar in outputs[1:2] for x in bar.owner.inputs[1:]]
    f = pytensor.function(v, [x.size for x in made], mode="FAST_COMPILE", on_unused_input="ignore")
    return 8 * int(sum(f(*values("complex", T))))


def test_what_the_backward_pass_is_given_grows_as_the_root():
    one = 8 * 2 * 3 * 4
    short, long = (shapes_between(T, "sqrt") for T in (100, 10000))
    assert long - short == one * (99 - 9)
    assert shapes_between(10000, "invert") - shapes_between(100, "invert") == one * 39
    assert shapes_between(10000, "all") > one * 10000 * 1.5


@pytest.mark.parametrize("memory", ["sqrt", "invert"])
def test_the_memory_of_the_kernels_themselves(memory):
    """NumPy's allocations, beside inputs and outputs, in states of all samples."""
    kernels = pytest.importorskip("unitarygraph.kernels.checkpointed_recurrence")
    T, B, n = 2500, 8, 16
    drive, W, h0, bias, _ = values("complex", T, B, n)
    bias = np.abs(bias)
    none = np.empty((0, 0, 0))
    last, checkpoints = np.empty_like(h0), np.empty((schedule(memory)(T)[1], *h0.shape))
    given = ("complex", "modrelu", memory, drive, W, h0, bias, None, None)
    results = [np.empty_like(a) for a in (drive, W, h0, bias, none)]

    def both():
        kernels.forward(*given, none, last, checkpoints)
        kernels.backward(*given, last, checkpoints, None, last, *results)

    both()
    tracemalloc.start()
    both()
    peak = tracemalloc.get_traced_memory()[1] + checkpoints.nbytes
    tracemalloc.stop()
    # Checkpoints, the states of a block, and half as much of moduli; then W and its gradient.
    states = {"sqrt": 50 + 49 + 25, "invert": 9 + 3 + 64 + 32}[memory]
    assert states * h0.nbytes <= peak < (states + 25) * h0.nbytes


def test_gradient_of_all_keeps_its_op():
    outputs = graph(values("complex"), "modrelu", "all")[1]
    assert isinstance(outputs[1].owner.op, RecurrenceGrad)
    outputs = graph(values("complex"), "modrelu", "sqrt")[1]
    assert outputs[1].owner.op == CheckpointedRecurrenceGrad(
        "complex", "modrelu", False, "sqrt", False, False, True
    )


def test_complex_variables():
    drive, W, h0, bias, readout = values("complex")
    drive, W, h0 = map(ug.stacked.to_complex, (drive, W, h0))
    last = ug.recurrence(drive, W, h0, bias, states="last", memory="sqrt")
    assert isinstance(last, ug.ComplexVariable)
    outputs = ug.recurrence(drive, W, h0, bias, memory="sqrt", readout=readout)
    assert not isinstance(outputs, ug.ComplexVariable)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"memory": "root"}, "memory must be 'all', 'sqrt', 'invert' or a number"),
        ({"memory": 0}, "from 1 on, got 0"),
        ({"memory": True}, "got True"),
        ({"memory": 2.0}, "got 2.0"),
        ({"memory": 2, "states": "all"}, "states must be 'last' or a readout be given"),
        ({"memory": "invert", "activation": "tanh", "bias": None}, "'tanh' cannot be undone"),
        ({"memory": "invert", "activation": "relu", "bias": None}, "'relu' cannot be undone"),
        ({"readout": np.ones((4, 3))}, "a readout is of all steps"),
        ({"states": "all", "readout": np.ones((5, 3))}, r"readout must be \(n, k\) with n = 4"),
        ({"states": "all", "readout": np.ones(4)}, "readout must be"),
    ],
)
def test_wrong_options(change, message):
    names = ("drive", "W", "h0", "bias")
    given = dict(zip(names, values("real"), strict=False)) | {"states": "last"} | change
    with pytest.raises(ValueError, match=f"recurrence: .*{message}"):
        ug.recurrence(**given)


def test_a_readout_of_another_dtype():
    *given, readout = values("real")
    with pytest.raises(TypeError, match="bias and readout must have one dtype"):
        ug.recurrence(*given, memory=2, readout=readout.astype("float32"))
