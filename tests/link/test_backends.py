"""Every Op on JAX and PyTorch against NumPy: values, gradients, and input at the edges."""

import importlib
import pkgutil
from functools import cache

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from backend_modes import PACKAGES, THIRD_PARTY, the_mode
from battery import BATCH, Battery, draw, spoiled, twisted
from op_table import CASES, TABLE
from oracles import AS_WRITTEN
from pytensor.graph.op import Op
from pytensor.scalar.basic import ScalarOp

import unitarygraph as ug
from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.ops.log_softmax import log_softmax
from unitarygraph.stacked.algebra import algebra

pytestmark = [pytest.mark.filterwarnings(line) for line in THIRD_PARTY]


@pytest.fixture(scope="module", params=PACKAGES)
def mode(request):
    with the_mode(request.param) as name:
        yield name


battery = cache(Battery)


@pytest.fixture(scope="module")
def double(mode):
    """Values and gradients in double precision, on the backend and by NumPy."""
    every = tuple(TABLE)
    return battery(mode, "float64", every), battery(AS_WRITTEN, "float64", every)


@pytest.fixture(scope="module")
def single(mode):
    """Values in single precision, on the backend and by NumPy."""
    return battery(mode, "float32"), battery(AS_WRITTEN, "float32")


@pytest.fixture(scope="module")
def results(double):
    """What the batteries give for good input, laid out as no BLAS likes it, and for bad."""

    ours, reference = double
    return {
        "expected": reference(),
        "good": ours(),
        "twisted": ours(twisted),
        "nan": ours(spoiled(np.nan)),
        "inf": ours(spoiled(np.inf)),
    }


# All rows in one test: several would compile the battery in every process that runs some of them.
@pytest.mark.parametrize("kind", ["good", "twisted"])
def test_values_and_gradients(results, kind):
    for case in CASES:
        for got, want in zip(results[kind][case], results["expected"][case], strict=True):
            assert got.dtype == want.dtype
            atol = 1e-12 * max(1, np.abs(want).max())
            np.testing.assert_allclose(got, want, rtol=0, atol=atol, err_msg=str(case))


@pytest.mark.parametrize("bad", ["nan", "inf"])
def test_what_is_not_finite_spoils_its_own_matrix(double, results, bad):
    for case in CASES:
        count = double[0].count(case)
        for got, good in zip(results[bad][case][:count], results["good"][case], strict=False):
            np.testing.assert_allclose(
                got[[0, 2]], good[[0, 2]], rtol=0, atol=1e-12, err_msg=str(case)
            )
            assert not np.isfinite(got[1]).all(), case


@pytest.mark.parametrize(
    ("shape", "count"),
    [((4, 3), BATCH), ((1, 1), 2), ((0, 0), 2), ((1, 1), 0)],
    ids=["float32", "one by one", "empty matrices", "empty batch"],
)
def test_single_precision_and_small_sizes(single, shape, count):
    ours, reference = (values_of(shape=shape, count=count) for values_of in single)
    for case in CASES:
        for got, want in zip(ours[case], reference[case], strict=True):
            assert got.dtype == "float32"
            assert got.shape == want.shape
            atol = 2e-5 * max(1, np.abs(want).max(initial=0))
            np.testing.assert_allclose(got, want, rtol=0, atol=atol, err_msg=str(case))


def test_second_derivatives(mode):
    rows = [("expm", "complex"), ("expm_skew", "real"), ("qr", "complex")]
    variables, outputs = [], []
    for name, field in rows:
        given = [pt.as_tensor(x).type() for x in draw(name, field, "float64", count=1)]
        cost = sum((y * pt.cos(y)).sum() for y in TABLE[name].outputs(*given, field=field))
        gradient = pt.grad(cost, given[0])
        variables += given
        outputs.append(pt.grad(pt.sqr(gradient).sum(), given[0]))
    data = [x for name, field in rows for x in draw(name, field, "float64", count=1)]
    ours, expected = (
        pytensor.function(variables, outputs, mode=m)(*data) for m in (mode, AS_WRITTEN)
    )
    for got, want in zip(ours, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9)


def test_exponentials_of_all_sizes(mode):
    """From matrices whose exponential is the identity to ones that it vanishes for."""
    rng = np.random.default_rng(0)
    sizes = np.array([0, 1e-300, 1e-3, 1, 30, 1e30])
    a = -sizes[:, None, None] * (np.eye(3) + 0.1 * rng.standard_normal((3, 3)))
    e = rng.standard_normal((3, 3)) * np.array([1, 1e300, 0, 1e-300, 1, 1])[:, None, None]
    x, y = (pt.tensor(dtype="float64", shape=(None, None, None)) for _ in range(2))
    outputs = [ug.expm(x, field="real"), ug.expm_frechet(x, y, field="real")]
    ours, expected = (pytensor.function([x, y], outputs, mode=m)(a, e) for m in (mode, AS_WRITTEN))
    for got, want in zip(ours, expected, strict=True):
        size = np.abs(want).max((-2, -1), keepdims=True)
        size[size == 0] = 1
        np.testing.assert_allclose(got / size, want / size, rtol=0, atol=1e-12)


def test_norms_moduli_and_softmax(mode):
    """What is no row of the table: sizes that squares lose, zero, NaN, rows of unlike size."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((6, 2, 3, 2))
    x *= np.array([1e-200, 1e200, 0, 1, 1, 1])[:, None, None, None]
    x[4, 0, 0, 0] = np.nan
    a, v = (pt.tensor(dtype="float64", shape=(None, 2, None, None)) for _ in range(2))
    norm, size, scores = ug.stacked.norm(a), ug.stacked.abs(a), log_softmax(a)
    costs = norm.sum(), (size * v[:, 0]).sum(), (scores * v).sum()
    outputs = [norm, size, scores, *(pt.grad(cost, a) for cost in costs)]
    given = x, rng.standard_normal(x.shape)
    ours, expected = (
        pytensor.function([a, v], outputs, mode=m)(*given) for m in (mode, AS_WRITTEN)
    )
    for got, want in zip(ours, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14, equal_nan=True)


def test_input_off_the_domain(mode):
    """PyTorch raises as NumPy does; JAX, which cannot, gives NaN for that matrix alone."""
    x, t = (pt.tensor(dtype="float64", shape=(None, None, None)) for _ in range(2))
    outputs = [ug.eigh(x, field="real")[1], ug.expm(x - 1, True, "real"), ug.logm(t, field="real")]
    good, turn = np.eye(3)[None], np.diag([-1.0, -1.0, 1.0])[None]
    bad = good + np.triu(np.ones((3, 3)), 1)
    for output, variable, wrong, right, words in (
        (outputs[0], x, bad, good, "eigh: A must be Hermitian"),
        (outputs[1], x, good, good * 0 + 1, "expm: A must be skew-Hermitian"),
        (outputs[2], t, turn, good, "logm: U must be unitary.* no eigenvalue -1"),
        (outputs[2], t, 2 * good, good, "logm: U must be unitary"),
    ):
        f = pytensor.function([variable], output, mode=mode)
        batch = np.concatenate([right, wrong])
        if mode == "PYTORCH":
            with pytest.raises(ValueError, match=words):
                f(batch)
        else:
            value = np.asarray(f(batch))
            assert np.isfinite(value[0]).all()
            assert np.isnan(value[1]).all()


def test_singular_systems_give_nan(mode):
    x = pt.tensor(dtype="float64", shape=(None, None, None))
    solution = algebra("real").solve(x, pt.ones_like(x))
    value = np.asarray(
        pytensor.function([x], solution, mode=mode)(np.stack([np.eye(2), np.ones((2, 2))]))
    )
    np.testing.assert_array_equal(value[0], 1)
    assert np.isnan(value[1]).all()


def test_wrong_shapes_at_run_time(mode):
    a, b = (pt.tensor(dtype="float64", shape=(None, None, None)) for _ in range(2))
    qr = pytensor.function([a], ug.qr(a, field="real")[0], mode=mode)
    with pytest.raises(ValueError, match="qr: A must have at least as many rows"):
        qr(np.zeros((1, 3, 5)))
    matmul = pytensor.function([a, b], algebra("real").matmul(a, b), mode=mode)
    with pytest.raises(ValueError, match=r"matmul: B must be \(..., k, n\) with k = 5"):
        matmul(np.zeros((1, 3, 5)), np.zeros((1, 3, 5)))
    with pytest.raises(ValueError, match="matmul: B must have batch axes"):
        matmul(np.zeros((1, 3, 5)), np.zeros((2, 5, 3)))


def test_every_op_of_the_package_has_a_kernel(mode):
    for module in pkgutil.walk_packages(ug.__path__, "unitarygraph."):
        if not module.name.startswith(("unitarygraph.link", "unitarygraph.cli")):
            importlib.import_module(module.name)
    # those of a linker appear in its own graphs only
    ops = [
        op
        for op in descendants(Op)
        if op.__module__.startswith("unitarygraph.")
        and not op.__module__.startswith("unitarygraph.link.")
        and op is not MatrixOp
    ]
    assert len(ops) > 20
    assert list(without_kernel(ops, mode)) == []


def test_an_op_without_a_kernel_is_found(mode):
    class Planted(MatrixOp):
        """An Op that neither computes whole batches nor says why not."""

    class Declared(MatrixOp):
        """An Op that says why not."""

        no_array = "it was never asked for"

    class Foreign(Op):
        """An Op that is not on matrices."""

    assert list(without_kernel([Planted, Declared, Foreign], mode)) == [Planted, Foreign]


def without_kernel(ops, mode):
    """Those Ops that a backend cannot run and that do not say why."""
    dispatch = importlib.import_module(f"pytensor.link.{mode.lower()}.dispatch")
    funcify = getattr(dispatch, f"{mode.lower()}_funcify")
    for op in ops:
        # a base of several is no Op by itself; PyTensor has kernels for all scalar Ops, by their names
        if op.__subclasses__() or issubclass(op, ScalarOp):
            continue
        if issubclass(op, MatrixOp):
            has_kernel = op.no_array or op.array is not MatrixOp.array
        else:
            has_kernel = funcify.dispatch(op) is not funcify.dispatch(object)
        if not has_kernel:
            yield op


def descendants(cls):
    """All subclasses of a class."""
    return {sub for child in cls.__subclasses__() for sub in (child, *descendants(child))}


def test_an_op_without_a_kernel_is_refused_by_name(mode):
    class Unknown(MatrixOp):
        """An Op that no backend knows."""

        title = "unknown"
        arguments = ("A",)
        signature = "F(n,n)->F(n,n)"

    x = pt.tensor3("x")
    with pytest.raises(NotImplementedError, match="Unknown has no kernel"):
        pytensor.function([x], Unknown()(x), mode=mode)
