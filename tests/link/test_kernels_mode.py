"""The mode KERNELS: what it exchanges, and that values are those of Python's graph as written."""

import copy
import pickle

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import scipy.special
from oracles import AS_WRITTEN
from pytensor.compile.builders import OpFromGraph
from pytensor.scan.op import Scan
from pytensor.tensor.blas import BatchedDot
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.math import Dot

import unitarygraph as ug
from unitarygraph.link.python import AsType, Compiled
from unitarygraph.stacked.ops import MatMul

F32 = np.finfo("float32").eps


@pytest.fixture(scope="module")
def matrices():
    rng = np.random.default_rng(0)
    return [rng.standard_normal((40, 40)) for _ in range(3)]


def compiled(inputs, outputs, **options):
    return pytensor.function(inputs, outputs, mode="KERNELS", **options)


def ops(f):
    return [node.op for node in f.maker.fgraph.apply_nodes]


def agree(inputs, output, *arrays):
    """The function in this mode, after it was compared with Python's."""
    f = compiled(inputs, output)
    expected = pytensor.function(inputs, output, mode=AS_WRITTEN)(*arrays)
    np.testing.assert_allclose(f(*arrays), expected, rtol=1e-12, atol=1e-12)
    assert f(*arrays).dtype == expected.dtype
    return f


def test_sums_and_products_of_many_become_those_of_pairs(matrices):
    x, y, z = pt.dmatrices("xyz")
    f = agree([x, y, z], (x + y + z + 1) * pt.exp(x) * y * z, *matrices)
    entrywise = [op for op in ops(f) if isinstance(op, Elemwise)]
    assert len(entrywise) >= 6
    assert all(op.nfunc_spec[1] <= 2 for op in entrywise)


@pytest.mark.parametrize("before", ["bool", "int32", "float32", "float64"])
@pytest.mark.parametrize("after", ["int64", "float32", "float64"])
def test_casts_are_those_of_numpy(before, after):
    x = pt.tensor("x", shape=(3, None), dtype=before)
    values = np.array([[0, 1, 2], [3, 4, 5], [0, 7, 8]]).astype(before)
    f = agree([x], pt.cast(x, after), values)
    assert [type(op) for op in ops(f)] == ([] if before == after else [AsType]) or before == after


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("batch", [(), (2, 3)])
def test_products_go_through_the_blas_of_our_ops(transposed, batch, rng):
    x, y = (pt.tensor(name, shape=(*batch, None, None), dtype="float64") for name in "xy")
    values = [rng.standard_normal((*batch, 40, 40)) for _ in range(2)]
    f = agree([x, y], x.mT @ y.mT if transposed else x @ y, *values)
    found = ops(f)
    assert [type(op) for op in found].count(MatMul) == 1
    assert not any(isinstance(op, (Dot, BatchedDot)) for op in found)
    if transposed and not batch:
        assert len(found) == 1  # no transpose is left
        assert found[0].left
        assert found[0].right


def test_an_op_that_is_a_graph_becomes_that_graph(matrices):
    """Softmax and its like, and one within another."""
    x, y = pt.dmatrices("xy")
    inner = OpFromGraph([x], [pt.special.softmax(x, axis=-1)])
    outer = OpFromGraph([x, y], [inner(x) @ y, x * y + 1 + y])
    a, b, _ = matrices
    f = compiled([x, y], outer(x, y))
    assert not any(isinstance(op, (OpFromGraph, Compiled)) for op in ops(f))
    expected = scipy.special.softmax(a, axis=-1) @ b, a * b + 1 + b
    for got, want in zip(f(a, b), expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)
    loss = -pt.special.log_softmax(x * y, axis=-1)[:, 0].sum()
    f = compiled([x, y], pytensor.grad(loss, x))
    assert not any(isinstance(op, (OpFromGraph, Compiled)) for op in ops(f))
    slope = scipy.special.softmax(a * b, axis=-1) - np.eye(40)[0]
    np.testing.assert_allclose(f(a, b), slope * b, rtol=1e-12, atol=1e-12)


def test_products_that_our_op_does_not_know_stay(matrices):
    x = pt.dmatrix("x")
    whole = np.arange(4).reshape(2, 2)
    k = pt.lmatrix("k")
    agree([x], x @ x[0], matrices[0])
    agree([k], k @ k, whole)


def test_loops_are_compiled(matrices):
    """A scan and its gradient, and a function of entries that NumPy does not have."""
    x = pt.dmatrix("x")
    states = pytensor.scan(lambda row, h: pt.tanh(row * h), x, pt.ones(40), return_updates=False)
    f = agree([x], pytensor.grad((states**2).sum(), x), matrices[0])
    assert [type(op.op) for op in ops(f) if isinstance(op, Compiled)] == [Scan, Scan]
    assert not any(isinstance(op, Scan) for op in ops(f))

    f = agree([x], pt.softplus(x), matrices[0])
    assert [type(op) for op in ops(f)] == [Compiled]
    y = pt.fmatrix("y")
    single = matrices[0].astype("float32")
    expected = np.logaddexp(0, matrices[0])
    np.testing.assert_allclose(compiled([y], pt.softplus(y))(single), expected, rtol=30 * F32)


def test_shared_variables_are_updated_and_the_users_arrays_left_alone(matrices):
    w = pytensor.shared(matrices[0].copy(), "w")
    x = pt.dmatrix("x")
    f = compiled([x], w.sum(), updates={w: w * 2 + x + 1})
    given = matrices[1].copy()
    f(given)
    np.testing.assert_array_equal(given, matrices[1])
    np.testing.assert_allclose(
        w.get_value(), 2 * matrices[0] + matrices[1] + 1, rtol=1e-14, atol=1e-14
    )


@pytest.mark.parametrize("again", [copy.deepcopy, lambda f: pickle.loads(pickle.dumps(f))])
def test_a_copied_function_computes_the_same(again, matrices):
    x = pt.dmatrix("x")
    out = pt.softplus(x).sum() + ug.expm(x / 100, field="real").sum()
    f = compiled([x], out)
    assert again(f)(matrices[0]) == f(matrices[0])


def test_complex_functions_take_it(rng):
    z = ug.matrix("z", shape=(6, 6), dtype="float64")
    value = rng.standard_normal((6, 6)) + 1j * rng.standard_normal((6, 6))
    f = ug.function([z], ug.expm((z - z.H) / 2), mode="KERNELS")
    assert ug.unitarity(f(value)) < 1e-13


def test_it_can_be_the_default():
    x = pt.dmatrix("x")
    with pytensor.config.change_flags(mode=pytensor.compile.get_mode("KERNELS")):
        f = pytensor.function([x], x @ x)
    assert [type(op) for op in ops(f)] == [MatMul]
