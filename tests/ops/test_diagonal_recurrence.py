"""`ug.diagonal_recurrence` against a complex NumPy loop, finite differences and the backends."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from backend_modes import PACKAGES, THIRD_PARTY, the_mode
from oracles import AS_WRITTEN, assert_tangents, tolerance
from pytensor.gradient import pushforward, verify_grad

import unitarygraph as ug
from unitarygraph.ops.recurrence import DiagonalOverlap, DiagonalRecurrence, diagonal_recurrence
from unitarygraph.stacked import from_complex, to_complex

pytestmark = [pytest.mark.filterwarnings(line) for line in THIRD_PARTY]
SIZES = [(37, 3, 4), (17, 2, 5), (16, 1, 1), (1, 2, 3), (0, 2, 3), (3, 0, 2), (3, 2, 0)]


def values(T=5, B=3, n=4, dtype="float64"):
    """drive, eigenvalues in the disk, h0, mask."""
    rng = np.random.default_rng(0)
    eigenvalues = rng.uniform(0.5, 1, n) * np.exp(1j * rng.uniform(-np.pi, np.pi, n))
    arrays = rng.standard_normal((T, 2, B, n)), from_complex(eigenvalues)
    arrays = (*arrays, rng.standard_normal((2, B, n)))
    return [*(a.astype(dtype) for a in arrays), rng.random((T, B)) < 0.6]


def loop(drive, eigenvalues, h0, mask=None):
    """The definition."""
    d, a, h = to_complex(drive), to_complex(eigenvalues), to_complex(h0)
    states = np.empty_like(d)
    for t in range(len(d)):
        new = a * h + d[t]
        h = new if mask is None else np.where(mask[t][:, None], new, h)
        states[t] = h
    return from_complex(states)


def loop_gradients(drive, eigenvalues, h0, mask, c):
    """Gradients of sum(c * states) by backpropagation through `loop`, written out."""
    a, h, bars = (
        to_complex(eigenvalues),
        to_complex(loop(drive, eigenvalues, h0, mask)),
        to_complex(c),
    )
    start = to_complex(h0)
    drive_bar, a_bar, p = np.zeros_like(h), np.zeros_like(a), np.zeros_like(start)
    for t in reversed(range(len(h))):
        p = p + bars[t]
        keep = np.ones((len(start), 1), bool) if mask is None else mask[t][:, None]
        drive_bar[t] = np.where(keep, p, 0)
        a_bar += np.sum((h[t - 1] if t else start).conj() * drive_bar[t], axis=0)
        p = np.where(keep, a.conj() * p, p)
    return [from_complex(x) for x in (drive_bar, a_bar, p)]


class Case:
    """States and gradients, with a mask and without, in one compiled function.

    Without ``start`` no gradient to h0, which is an ordinary graph and compiles for seconds.
    """

    def __init__(self, mode, dtype="float64", start=True, masks=(False, True)):
        kinds = zip((4, 2, 3), ("drive", "eigenvalues", "h0"), strict=True)
        v = [pt.tensor(name, dtype=dtype, shape=(None,) * ndim) for ndim, name in kinds]
        mask, c = pt.matrix("mask", dtype="bool"), pt.tensor4("c", dtype=dtype)
        self.wrt, self.masks = 3 if start else 2, masks
        outputs = []
        for masked in masks:
            keep = mask if masked else None
            states = diagonal_recurrence(*v, keep)
            outputs += [states, *pt.grad(None, v[: self.wrt], known_grads={states: c})]
        self.function = pytensor.function(
            [*v, mask, c], outputs, mode=mode, on_unused_input="ignore"
        )

    def check(self, given):
        *arrays, mask = given
        c = np.cos(1 + np.arange(arrays[0].size, dtype=arrays[0].dtype)).reshape(arrays[0].shape)
        results = self.function(*given, c)
        wanted = []
        for masked in self.masks:
            keep = mask if masked else None
            wanted += [loop(*arrays, keep), *loop_gradients(*arrays, keep, c)[: self.wrt]]
        for got, want in zip(map(np.asarray, results), wanted, strict=True):
            assert got.shape == want.shape
            assert got.dtype == arrays[0].dtype
            bound = tolerance(got.dtype, 1 + len(arrays[0])) * max(1, np.abs(want).max(initial=0))
            np.testing.assert_allclose(got, want, rtol=0, atol=bound)


@pytest.fixture(scope="module")
def python():
    return Case("FAST_COMPILE")


@pytest.fixture(
    scope="module",
    params=[True, pytest.param(False, marks=pytest.mark.slow)],
    ids=["masked", "full"],
)
def numba(request):
    """With a mask and without, which compile for seconds each."""
    return Case("NUMBA", start=False, masks=[request.param])


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_loop_and_its_gradient(python, sizes):
    python.check(values(*sizes))


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_numba(numba, sizes, monkeypatch):
    for op in (DiagonalRecurrence, DiagonalOverlap):
        monkeypatch.setattr(op, "perform", None)
    numba.check(values(*sizes))


@pytest.mark.parametrize("mode", PACKAGES)
def test_jax_and_pytorch(mode, monkeypatch):
    with the_mode(mode, stance="force_eager") as name:
        case = Case(name)
        for op in (DiagonalRecurrence, DiagonalOverlap):
            monkeypatch.setattr(op, "perform", None)
        for sizes in (37, 3, 4), (1, 2, 3), (0, 2, 3):
            case.check(values(*sizes))


def test_parallel_scan_of_jax():
    """What accelerators run: on the CPU the kernel takes one step after another."""
    pytest.importorskip("jax")
    import jax.numpy as jnp

    from unitarygraph.link.jax.diagonal_recurrence import parallel, stepwise

    drive, eigenvalues, h0, _ = values(5, 3, 4, "float32")
    factors = np.broadcast_to(to_complex(eigenvalues), (5, 1, 4))
    given = [jnp.asarray(a) for a in (factors, drive, h0)]
    for reverse in (False, True):
        got, want = (f(*given, reverse) for f in (parallel, stepwise))
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-5)
    want = loop(drive, eigenvalues, h0)
    np.testing.assert_allclose(parallel(*given, False), want, atol=1e-5)


@pytest.mark.parametrize("mode", ["FAST_COMPILE", pytest.param("NUMBA", marks=pytest.mark.slow)])
def test_single_precision(mode):
    Case(mode, "float32", start=False, masks=[False]).check(values(dtype="float32"))


def test_finite_differences_to_second_order():
    *given, mask = values(3, 2, 2)
    weight = np.random.default_rng(1).standard_normal(given[0].shape)

    def gradient(*v):
        bars = pt.grad(pt.sum(weight * pt.sqr(diagonal_recurrence(*v, mask))), list(v))
        return pt.concatenate([bar.ravel() for bar in bars])

    rng = np.random.default_rng(2)
    in_python = {"mode": AS_WRITTEN, "no_debug_ref": False}
    verify_grad(diagonal_recurrence, given, rng=rng, **in_python)
    verify_grad(gradient, given, rng=rng, **in_python)


@pytest.mark.parametrize("direct", [False, True], ids=["double pullback", "pushforward"])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_tangents_forward(masked, reverse, direct):
    *given, mask = values(4, 2, 3)
    directions = [np.random.default_rng(3).standard_normal(v.shape) for v in given]
    v, u = ([pt.tensor(dtype="float64", shape=a.shape) for a in given] for _ in range(2))
    keep = pt.constant(mask if masked else np.zeros((0, 0), bool))
    states = DiagonalRecurrence(masked, reverse)(*v, keep)
    outputs = [states, *pt.grad(pt.sum(pt.sqr(states) * states), v)]
    dots = [pushforward(y, v, u, use_op_pushforward=direct) for y in outputs]
    f = pytensor.function([*v, *u], [*outputs, *dots], mode=AS_WRITTEN, on_unused_input="ignore")
    assert_tangents(lambda *x: f(*x, *directions), given, directions)
    alone = [pushforward(states, v[i], u[i], use_op_pushforward=direct) for i in range(3)]
    f = pytensor.function([*v, *u], [dots[0], *alone], mode=AS_WRITTEN, on_unused_input="ignore")
    together, *parts = f(*given, *directions)
    np.testing.assert_allclose(sum(parts), together, atol=1e-12)


def test_reverse_runs_backward_in_time():
    *given, mask = values()
    got = diagonal_recurrence(*given, mask, reverse=True).eval(mode=AS_WRITTEN)
    want = loop(given[0][::-1], *given[1:], mask[::-1])[::-1]
    np.testing.assert_allclose(got, want, atol=1e-14)


def test_masked_drive_may_hold_anything_and_h0_is_zero_by_default():
    drive, eigenvalues, h0, mask = values()
    drive[~mask[:, None, :, None] & np.ones_like(drive, bool)] = np.nan
    states = diagonal_recurrence(drive, eigenvalues, mask=mask.astype("int8"))
    assert states.type.shape == drive.shape
    bar = pt.grad(states.sum(), states.owner.inputs[1])
    got, slope = pytensor.function([], [states, bar], mode=AS_WRITTEN)()
    with np.errstate(invalid="ignore"):
        want = loop(drive, eigenvalues, 0 * h0, mask)
    np.testing.assert_allclose(got, want, atol=1e-14)
    assert np.isfinite(slope).all()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"drive": np.ones((5, 2, 3))}, ValueError, "drive must be .T, 2, B, n."),
        ({"drive": np.ones((5, 3, 3, 4))}, ValueError, "drive must be .T, 2, B, n."),
        ({"eigenvalues": np.ones(4)}, ValueError, "eigenvalues must be .2, n. with T = 5, B = 3"),
        ({"eigenvalues": np.ones((2, 5))}, ValueError, "eigenvalues must be .2, n."),
        ({"h0": np.ones((2, 3, 5))}, ValueError, "h0 must be"),
        ({"mask": np.ones((3, 5))}, ValueError, "mask must be .T, B. with T = 5, B = 3"),
        ({"h0": np.ones((2, 3, 4), "float32")}, TypeError, "must have one dtype"),
        ({"drive": np.ones((5, 2, 3, 4), int)}, TypeError, "must have one dtype"),
    ],
)
def test_wrong_inputs_when_the_graph_is_built(change, error, message):
    given = dict(zip(("drive", "eigenvalues", "h0", "mask"), values(), strict=True)) | change
    with pytest.raises(error, match=f"diagonal_recurrence: .*{message}"):
        diagonal_recurrence(**given)


@pytest.mark.parametrize("wrong", range(4), ids=["drive", "eigenvalues", "h0", "mask"])
def test_wrong_shapes_at_run_time(python, numba, wrong):
    given = values()
    given[wrong] = np.concatenate([given[wrong], given[wrong][..., :1]], axis=-1)
    # A wrong mask stops at PyTensor's own switch.
    for case in (python, numba):
        with pytest.raises(ValueError):
            case.function(*given, np.ones((5, 2, 3, 4)))


def test_shapes_are_inferred_without_running_the_op():
    drive = pt.tensor4("drive")
    f = pytensor.function([drive], diagonal_recurrence(drive, np.ones((2, 4), drive.dtype)).shape)
    assert not any(isinstance(n.op, DiagonalRecurrence) for n in f.maker.fgraph.apply_nodes)


@pytest.mark.parametrize("masked", [False, True])
def test_complex_variables_and_arrays(masked):
    drive, eigenvalues, h0, mask = values()
    keep = mask if masked else None
    wanted = to_complex(loop(drive, eigenvalues, h0, keep))
    d, e, h = map(to_complex, (drive, eigenvalues, h0))
    for given in (
        (drive, e, h0),
        (ug.as_complex(drive), eigenvalues, h0),
        (drive, eigenvalues, h),
        (d, e, h),
    ):
        states = ug.diagonal_recurrence(*given, keep)
        assert isinstance(states, ug.ComplexVariable)
        assert states.complex_shape == wanted.shape
        got = ug.function([], states, mode=AS_WRITTEN)()
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-14)
    plain = ug.diagonal_recurrence(drive, eigenvalues, h0, keep)
    assert not isinstance(plain, ug.ComplexVariable)
    with pytest.raises(TypeError, match="diagonal_recurrence: mask must be real"):
        ug.diagonal_recurrence(d, e, h, mask.astype(complex))
