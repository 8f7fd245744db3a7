"""One battery of laws over the table of parametrizations."""

from functools import cache

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from backend_modes import the_mode
from numpy.testing import assert_allclose
from oracles import AS_WRITTEN, tolerance
from parametrization_table import ROWS

import unitarygraph as ug
from unitarygraph.core.layout import plain
from unitarygraph.stacked.algebra import algebra

CASES = [(row, field) for row in ROWS for field in row.fields]
cases = pytest.mark.parametrize(
    ("row", "field"), CASES, ids=[f"{row.label}-{field}" for row, field in CASES]
)
each_size = pytest.mark.parametrize(
    ("row", "field", "n"),
    [(row, field, n) for row, field in CASES for n in row.sizes],
    ids=[f"{row.label}-{field}-{n}" for row, field in CASES for n in row.sizes],
)


def made(row, field, n, dtype="float64"):
    return row.make(n, field, dtype, np.random.default_rng(3))


@cache
def rows_of_vectors(field, n):
    """A batch of matrices of row vectors, as stored."""
    return np.random.default_rng(5).standard_normal(algebra(field).storage_shape((3, 4, n)))


@cache
def weight(field, n):
    """Weights of W's entries in the loss that is differentiated."""
    return np.random.default_rng(7).standard_normal(algebra(field).storage_shape((n, n)))


def compiled(*every, mode=AS_WRITTEN):
    """Function giving a list for each parametrization: [W, h W, (h W of one matrix), gradients].

    The gradients are those of <weight, W>.
    """
    inputs, outputs, places = [], [], []
    for p in every:
        W = p()
        h = pt.tensor("h", dtype=p.dtype, shape=rows_of_vectors(p.field, p.n).shape)
        loss = (pt.as_tensor(weight(p.field, p.n).astype(p.dtype)) * plain(W)).sum()
        results = [W, p.apply(h), p.apply(h[0]), *pt.grad(loss, p.params)]
        places.append(slice(len(outputs), len(outputs) + len(results)))
        inputs.append(h)
        outputs += results
    function = pytensor.function(inputs, outputs, mode=mode)

    def run():
        given = [rows_of_vectors(p.field, p.n).astype(p.dtype) for p in every]
        values = [np.array(v) for v in function(*given)]
        return [values[place] for place in places]

    return run


def shift(row, p, seed=11):
    """Change all params at random."""
    rng = np.random.default_rng(seed)
    for v in p.params:
        value = v.get_value()
        step = row.shift * rng.standard_normal(value.shape)
        v.set_value((value + step).astype(value.dtype))


def check_values(row, p, outputs):
    """Whether the graph, its product and `value` are what the definition says."""
    limit = tolerance(p.dtype, p.n)
    expected = row.definition(p)
    assert expected.shape == (p.n, p.n)
    load = p.matrices.to_numpy
    atol = 5 * limit * max(1, np.abs(expected).max())
    for W in (load(outputs[0]), p.value()):
        assert W.dtype == np.result_type(p.dtype, "complex64" if p.field == "complex" else p.dtype)
        assert_allclose(W, expected, rtol=0, atol=atol)
        if row.unitary:
            assert ug.unitarity(W) < limit
    h = load(rows_of_vectors(p.field, p.n).astype(p.dtype))
    assert_allclose(load(outputs[1]), h @ expected, rtol=0, atol=4 * atol)
    assert_allclose(load(outputs[2]), h[0] @ expected, rtol=0, atol=4 * atol)
    assert {v.dtype.name for v in outputs} == {p.dtype}


def check_gradients(row, p, gradients):
    """Whether gradients of <weight, W> are slopes of the definition along random directions."""
    rng, t = np.random.default_rng(13), 1e-5
    weights = p.matrices.to_numpy(weight(p.field, p.n))
    loss = lambda: np.vdot(weights, row.definition(p)).real  # noqa: E731
    for v, gradient in zip(p.params, gradients, strict=True):
        value, u = v.get_value(), rng.standard_normal(gradient.shape)
        assert gradient.shape == value.shape
        rises = []
        for s in (t, -t):
            v.set_value(value + s * u)
            rises.append(loss())
        v.set_value(value)
        slope = (rises[0] - rises[1]) / (2 * t)
        assert np.sum(gradient * u) == pytest.approx(slope, rel=1e-6, abs=1e-7), v.name


@each_size
def test_value_product_and_gradient_are_those_of_the_definition(row, field, n):
    p = made(row, field, n)
    run = compiled(p)
    check_values(row, p, *run())
    shift(row, p)
    (outputs,) = run()
    check_values(row, p, outputs)
    check_gradients(row, p, outputs[3:])


@cases
def test_single_precision_stays_single(row, field):
    p = made(row, field, row.sizes[-1], "float32")
    shift(row, p)
    check_values(row, p, *compiled(p)())
    assert {v.get_value().dtype.name for v in p.params} <= {"float32"}


@cases
def test_parameters_are_counted_grouped_and_named(row, field):
    n = row.sizes[-1]
    p = made(row, field, n)
    assert row.free(p) == row.count(n, field)
    assert (p.n, p.field, p.dtype) == (n, field, "float64")
    assert p.unitary == row.unitary
    names = [v.name for v in (*p.params, *p.buffers)]
    assert None not in names
    assert len(set(names)) == len(names)
    assert not set(p.params) & set(p.buffers)
    assert set(p.group("orthogonal")) | set(p.group("phase")) <= set(p.params)
    assert not set(p.group("orthogonal")) & set(p.group("phase"))
    assert p.penalty() is None or p.penalty().type.ndim == 0
    shapes = [v.type.shape for v in p.params]
    assert shapes == [v.get_value().shape for v in p.params]
    same, other = made(row, field, n), row.make(n, field, "float64", np.random.default_rng(4))
    assert_allclose(p.value(), same.value(), rtol=0, atol=0)
    assert not np.allclose(p.value(), other.value())


@each_size
def test_inverse_map_gives_parameters_of_a_matrix(row, field, n, rng):
    p = made(row, field, n)
    if row.inverse is None:
        with pytest.raises(NotImplementedError, match="no inverse map"):
            p.set_value(p.value())
        return
    for W in (row.inverse(rng, n, field), p.value(), row.inverse(rng, n, field)):
        p.set_value(W)
        assert_allclose(p.value(), W, rtol=0, atol=100 * tolerance("float64", n))
        assert_allclose(row.definition(p), W, rtol=0, atol=100 * tolerance("float64", n))
    assert {v.get_value().dtype.name for v in p.params} <= {"float64"}
    before = p.value()
    if row.unitary:
        with pytest.raises(ValueError, match=r"W must be (unitary|orthogonal).*, got .*\d"):
            p.set_value(1.1 * W)
    with pytest.raises(ValueError, match=rf"\({n}, {n}\).*\({n}, {n + 1}\)"):
        p.set_value(np.ones((n, n + 1)))
    with pytest.raises(ValueError, match="finite"):
        p.set_value(np.nan * W)
    if field == "real":
        with pytest.raises(ValueError, match="real"):
            p.set_value(1j * W)
    assert_allclose(p.value(), before, rtol=0, atol=0)


@cases
def test_inverse_map_in_single_precision(row, field, rng):
    if row.inverse is None:
        pytest.skip("no inverse map")
    n = row.sizes[-1]
    p = made(row, field, n, "float32")
    W = row.inverse(rng, n, field).astype("complex64" if field == "complex" else "float32")
    p.set_value(W)
    assert_allclose(p.value(), W, rtol=0, atol=100 * tolerance("float32", n))
    assert {v.get_value().dtype.name for v in p.params} <= {"float32"}


def check_jax(cases):
    """Whether JAX gives what the definitions say, all in one function: compiling takes the time."""
    every = [made(row, field, row.sizes[-1]) for row, field in cases]
    for (row, _), p in zip(cases, every, strict=True):
        shift(row, p)
    with the_mode("JAX") as mode:
        results = compiled(*every, mode=mode)()
    for (row, _), p, outputs in zip(cases, every, results, strict=True):
        check_values(row, p, outputs)
        check_gradients(row, p, outputs[3:])


@pytest.mark.filterwarnings("ignore")
def test_jax_agrees():
    check_jax(CASES)
