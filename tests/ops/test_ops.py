"""Laws that hold for every Op on matrices, over the table of all of them."""

import pkgutil
from functools import cache
from importlib import import_module

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from battery import twisted
from op_table import CASES, ELSEWHERE, TABLE
from oracles import AS_WRITTEN, REWRITTEN, assert_tangents, evaluate, gradcheck
from pytensor.gradient import pushforward
from pytensor.graph.traversal import ancestors

import unitarygraph
from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.stacked.algebra import algebra
from unitarygraph.stacked.ops import Modulus, Norm

DTYPES = ["float32", "float64"]
SHAPE = (5, 3)


def store(field, z, dtype="float64"):
    """A NumPy complex matrix as stored in a field."""
    return algebra(field).from_numpy(z if field == "complex" else z.real.copy()).astype(dtype)


def draw(name, field, rng, dtype="float64", shape=SHAPE):
    """Stored inputs of a row; square ones where the Op asks for it."""
    m, n = shape if TABLE[name].tall else (shape[1], shape[1])
    return [store(field, z, dtype) for z in TABLE[name].draw(rng, m, n)]


def batch_of(name, field, rng, dtype, count=3):
    """A batch of inputs, F-ordered: PyTensor 3.0.7's Blockwise reads such input wrongly."""
    draws = [draw(name, field, rng, dtype) for _ in range(count)]
    return [np.asfortranarray(np.stack(arrays)) for arrays in zip(*draws, strict=True)]


def load(field, value, z):
    """A stored output in NumPy's form."""
    return algebra(field).to_numpy(value) if value.ndim > np.ndim(z) or field == "real" else value


def symbols(name, field, rng, dtype, rank=0, static=False):
    """Variables for the inputs of a row with so many batch axes."""
    arrays = draw(name, field, rng, dtype)
    axes = algebra(field).axes
    return [
        pt.tensor(
            dtype=dtype,
            shape=a.shape if static else ((None,) * rank + (2,) * (axes - 2) + (None, None)),
        )
        for a in arrays
    ]


@cache
def compiled(name, field, dtype, rank, mode="FAST_COMPILE"):
    """Outputs and the gradients of their weighted sum, all shapes unknown."""
    inputs = symbols(name, field, np.random.default_rng(0), dtype, rank)
    outputs = TABLE[name].outputs(*inputs, field=field)
    cost = sum(
        (y * pt.cos(1 + pt.arange(y.size, dtype="int32")).reshape(y.shape)).sum() for y in outputs
    )
    grads = pt.grad(cost.astype(dtype), inputs)
    return pytensor.function(inputs, [*outputs, *grads], mode=mode), len(outputs)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "field"), CASES)
def test_agrees_with_numpy(name, field, dtype, rng):
    row = TABLE[name]
    inputs = draw(name, field, rng, dtype)
    function, count = compiled(name, field, dtype, 0)
    values = function(*inputs)
    arrays = [algebra(field).to_numpy(x.astype("float64")) for x in inputs]
    expected = row.reference(*arrays)
    expected = expected if isinstance(expected, tuple) else (expected,)
    assert len(expected) == count
    for value, z in zip(values, expected, strict=False):
        assert value.dtype == dtype
        bound = 2000 * np.finfo(dtype).eps * max(1, np.abs(z).max())
        np.testing.assert_allclose(load(field, value, z), z, rtol=0, atol=bound)
    assert all(value.dtype == dtype for value in values[count:])


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize(("name", "field"), CASES)
def test_derivatives_by_differences(name, field, order, rng):
    row = TABLE[name]
    if order == 2 and not row.second:
        pytest.skip("covered by the Op that uses it")
    m, n = SHAPE if row.tall else (SHAPE[1], SHAPE[1])
    arrays = [z if field == "complex" else z.real.copy() for z in row.draw(rng, m, n)]
    count = len(row.outputs(*draw(name, field, rng), field=field))
    for i in range(count):
        gradcheck(lambda *x, i=i: row.outputs(*x, field=field)[i], arrays, rng, order, field)


@pytest.mark.parametrize(("name", "field"), CASES)
def test_pushforward_is_the_adjoint_of_pullback(name, field, rng):
    arrays = draw(name, field, rng)
    inputs = symbols(name, field, rng, "float64", static=True)
    tangents = [pt.as_tensor(rng.standard_normal(a.shape)) for a in arrays]
    outputs = TABLE[name].outputs(*inputs, field=field)
    for y in outputs:
        value = pytensor.function(inputs, y, mode=AS_WRITTEN, on_unused_input="ignore")(*arrays)
        cotangent = pt.as_tensor(rng.standard_normal(value.shape))
        forward = pushforward(y, inputs, tangents, use_op_pushforward=True)
        backward = pt.grad((y * cotangent).sum(), inputs, disconnected_inputs="ignore")
        left = (forward * cotangent).sum()
        right = sum((g * t).sum() for g, t in zip(backward, tangents, strict=True))
        f = pytensor.function(inputs, [left, right], mode=AS_WRITTEN)
        np.testing.assert_allclose(*f(*arrays), rtol=1e-9, atol=1e-11)


# PyTensor's Eye, which has no pushforward, is part of their gradients.
WITH_EYE = ("eigh", "det_phase")


@pytest.mark.parametrize("direct", [False, True], ids=["double pullback", "pushforward"])
@pytest.mark.parametrize(("name", "field"), CASES)
def test_tangents_of_all_inputs_at_once(name, field, direct, rng):
    """Both of PyTensor's ways forward are the central difference along all inputs' tangents.

    The direct one is asked for gradients as well: no other test calls the pushforward of those Ops
    that only gradients hold.
    """
    arrays = draw(name, field, rng)
    directions = [rng.standard_normal(a.shape) for a in arrays]
    inputs = symbols(name, field, rng, "float64", static=True)
    outputs = TABLE[name].outputs(*inputs, field=field)
    tangents = [pt.as_tensor(d) for d in directions]
    if direct and TABLE[name].second and name not in WITH_EYE:
        cost = sum((rng.standard_normal(y.type.shape) * pt.sqr(y)).sum() for y in outputs)
        outputs = [*outputs, *pt.grad(cost, inputs)]
    # One at a time: PyTensor's own double pullback stops at an output that another one is made of.
    dots = [pushforward(y, inputs, tangents, use_op_pushforward=direct) for y in outputs]
    f = pytensor.function(inputs, [*outputs, *dots], mode=AS_WRITTEN, on_unused_input="ignore")
    assert_tangents(f, arrays, directions, TABLE[name].rough)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "field"), CASES)
def test_a_batch_is_a_loop(name, field, dtype, rng):
    batch = batch_of(name, field, rng, dtype)
    function, count = compiled(name, field, dtype, 1)
    single, _ = compiled(name, field, dtype, 0)
    for i in range(3):
        together = function(*batch)
        alone = single(*[a[i] for a in batch])
        for y, z in zip(together[:count], alone[:count], strict=True):
            np.testing.assert_allclose(
                y[i],
                z,
                rtol=1e-4 if dtype == "float32" else 1e-10,
                atol=1e-5 if dtype == "float32" else 1e-12,
            )


@pytest.mark.compiler
@pytest.mark.parametrize(("name", "field"), [("expm_skew", "complex"), ("qr", "real")])
def test_the_virtual_machine_in_c_agrees_on_any_layout(name, field, rng):
    """It runs the same Python as FAST_COMPILE: two rows, of one and two results, stand for all."""
    batch = batch_of(name, field, rng, "float64")
    function, _ = compiled(name, field, "float64", 1, "CVM")
    reference, _ = compiled(name, field, "float64", 1)
    for given in (batch, [twisted(a) for a in batch]):
        for y, z in zip(function(*given), reference(*batch), strict=True):
            np.testing.assert_allclose(y, z, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("name", "field"), CASES)
def test_empty_and_one_by_one(name, field, rng):
    batched, count = compiled(name, field, "float64", 1)
    single = [x[None] for x in draw(name, field, rng, shape=(1, 1))]
    assert all(np.isfinite(y).all() for y in batched(*single))
    for empty in ([x[:, ..., :0, :0] for x in single], [x[:0] for x in single]):
        for y in batched(*empty)[:count]:
            assert y.size == 0 or name == "matmul"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize(("name", "field"), CASES)
def test_what_is_not_finite_gives_nan(name, field, bad, rng):
    """One bad entry makes its whole matrix NaN, raises nothing and leaves the batch alone.

    Sums of products are no more than arithmetic: there it spoils what NumPy's would.
    """
    batch = batch_of(name, field, rng, "float64")
    function, count = compiled(name, field, "float64", 1)
    good = function(*batch)
    for a in batch:
        a[1, ..., 0, 0] = bad
    values = function(*batch)
    for y, z in zip(values[:count], good, strict=False):
        np.testing.assert_array_equal(y[0], z[0])
        np.testing.assert_array_equal(y[2], z[2])
        assert np.isnan(y[1]).all() or TABLE[name].arithmetic
    if TABLE[name].arithmetic:
        arrays = [algebra(field).to_numpy(a[1]) for a in batch]
        with np.errstate(all="ignore"):
            expected = TABLE[name].reference(*arrays)
        found = algebra(field).to_numpy(values[0][1])
        np.testing.assert_array_equal(np.isfinite(found), np.isfinite(expected))


@pytest.mark.parametrize(("name", "field"), CASES)
def test_shapes_without_values(name, field, rng):
    inputs = symbols(name, field, rng, "float64", rank=1)
    outputs = TABLE[name].outputs(*inputs, field=field)
    f = pytensor.function(inputs, [y.shape for y in outputs], mode=REWRITTEN)
    assert not [n for n in f.maker.fgraph.apply_nodes if isinstance(n.op, MatrixOp)]
    batch = batch_of(name, field, rng, "float64")
    values, _ = compiled(name, field, "float64", 1)
    for shape, y in zip(f(*batch), values(*batch), strict=False):
        assert tuple(shape) == y.shape
    static = TABLE[name].outputs(*symbols(name, field, rng, "float64", static=True), field=field)
    arrays = draw(name, field, rng)
    for y, z in zip(static, compiled(name, field, "float64", 0)[0](*arrays), strict=False):
        assert y.type.shape == z.shape


# Rows that make a matrix Hermitian or skew-Hermitian before the Op sees it.
PREPARED = ("lyapunov", "skew_frechet", "skew_frechet_adjoint")


@pytest.mark.parametrize(("name", "field"), [case for case in CASES if case[0] not in PREPARED])
def test_clear_errors(name, field, rng):
    row = TABLE[name]
    inputs = draw(name, field, rng)
    with pytest.raises(TypeError, match="float32 or float64, got dtype"):
        row.outputs(*[x.astype("int64") for x in inputs], field=field)
    with pytest.raises(ValueError, match=r"must be .*got shape"):
        row.outputs(
            *[x[..., 0] for x in inputs] if field == "real" else [x[0] for x in inputs], field=field
        )
    with pytest.raises(ValueError, match="field must be"):
        row.outputs(*inputs, field="quaternion")
    if not row.tall:
        with pytest.raises(ValueError, match="must be"):
            row.outputs(*[x[..., :2] for x in inputs], field=field)
    if len(inputs) > 1:
        with pytest.raises(TypeError, match="one dtype"):
            row.outputs(inputs[0], *[x.astype("float32") for x in inputs[1:]], field=field)


@pytest.mark.parametrize("name", ["qr", "polar", "newton_schulz"])
def test_wide_matrices_are_refused_also_at_run_time(name, rng):
    function, _ = compiled(name, "complex", "float64", 0)
    with pytest.raises(ValueError, match="at least as many rows"):
        function(np.zeros((2, 3, 5)))


def test_qr_moves_little_by_little():
    """LAPACK's own Q would turn columns of the identity to -1 at any step."""
    step = 1e-6 * np.random.default_rng(0).standard_normal((64, 64))
    for field in ("complex", "real"):
        q = evaluate(TABLE["qr"].outputs(store(field, np.eye(64) + step), field=field)[0])
        assert np.linalg.norm(q - store(field, np.eye(64))) < 2 * np.linalg.norm(step)


def test_polar_is_safe_at_repeated_singular_values():
    x = pt.tensor("x", dtype="float64", shape=(2, 3, 3))
    u, p = TABLE["polar"].outputs(x, field="complex")
    gradient = pt.grad((u * x + p).sum(), x)
    assert x in ancestors([gradient])
    value = pytensor.function([x], gradient, mode="FAST_COMPILE")(store("complex", 2 * np.eye(3)))
    assert np.isfinite(value).all()


def test_arguments_off_the_domain_are_refused(rng):
    a = store("complex", rng.standard_normal((3, 3)) + 0j)
    for name, words in (("eigh", "must be Hermitian"), ("logm", "must be unitary")):
        function, _ = compiled(name, "complex", "float64", 0)
        with pytest.raises(ValueError, match=words):
            function(a)
    turn = store("real", np.diag([-1.0, -1.0, 1.0]) + 0j)
    function, _ = compiled("logm", "real", "float64", 0)
    with pytest.raises(ValueError, match="eigenvalue -1"):
        function(turn)


@pytest.mark.parametrize("direct", [False, True], ids=["double pullback", "pushforward"])
@pytest.mark.parametrize("op", [Norm("complex"), Norm("real"), Modulus("complex")], ids=str)
def test_tangents_of_sizes(op, direct, rng):
    a, d = rng.standard_normal((2, 2, 4, 3))
    x = pt.tensor(dtype="float64", shape=(2, 4, 3))
    y = op(x)
    outputs = [y, pt.grad((y**3).sum(), x)]
    dots = [pushforward(v, x, pt.as_tensor(d), use_op_pushforward=direct) for v in outputs]
    assert_tangents(pytensor.function([x], [*outputs, *dots], mode="FAST_COMPILE"), [a], [d])


def defined_ops(base=MatrixOp):
    """All Ops on matrices that the package defines, those that others derive from left out."""
    for kind in base.__subclasses__():
        if kind.__subclasses__():
            yield from defined_ops(kind)
        elif kind.__module__.startswith("unitarygraph."):
            yield kind


def without_row(kinds, rng):
    """Names of those Ops that no row has as its function or in its gradient."""
    found = set()
    for name, field in CASES:
        inputs = symbols(name, field, rng, "float64", static=True)
        outputs = TABLE[name].outputs(*inputs, field=field)
        cost = sum(pt.sqr(y).sum() for y in outputs)
        for v in ancestors([*outputs, *pt.grad(cost, inputs)]):
            if v.owner is not None:
                found.add(type(v.owner.op))
    return {kind.__name__ for kind in set(kinds) - found}


def test_every_op_has_a_row(rng):
    class Planted(MatrixOp):
        """An Op that no row has."""

    for package in (unitarygraph.ops, unitarygraph.stacked):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            import_module(module.name)
    assert without_row([*defined_ops(), Planted], rng) == {*ELSEWHERE, "Planted"}


class Failing(MatrixOp):
    """An Op whose computation raises."""

    __props__ = ("field", "error")
    title = "failing"
    arguments = ("A",)
    signature = "F(n,n)->F(n,n)"
    refusal = "A was refused"

    def __init__(self, error):
        self.error = error
        super().__init__()

    def matrix(self, a):
        raise self.error("inside")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("error", "seen", "words"),
    [
        (ValueError, ValueError, "failing: A was refused"),
        (np.linalg.LinAlgError, RuntimeError, "failing: the computation failed"),
        (ZeroDivisionError, RuntimeError, "failing: the computation failed"),
        (KeyboardInterrupt, RuntimeError, "failing: the computation failed"),
    ],
)
def test_no_failure_inside_compiled_code_passes_for_a_result(error, seen, words):
    x = pt.tensor("x", dtype="float64", shape=(2, 2, 2))
    f = pytensor.function([x], Failing(error)(x), mode="NUMBA")
    with pytest.raises(seen, match=words):
        f(np.zeros((2, 2, 2)))
