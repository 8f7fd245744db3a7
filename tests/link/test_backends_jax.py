"""JAX's own derivatives and transformations of our functions, as samplers take them."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from op_table import TABLE
from pytensor.graph.fg import FunctionGraph

import unitarygraph as ug
from unitarygraph.core.layout import plain
from unitarygraph.stacked.algebra import algebra

jax = pytest.importorskip("jax")
# One row for every way in which an Op meets JAX: several outputs, an inner scale, no smooth basis.
ROWS = ["expm", "expm_skew", "logm", "qr", "polar", "eigh", "cayley"]


def pure(inputs, output):
    """JAX function of a graph, without the passes and the compilation of a mode."""
    dispatch = pytest.importorskip("pytensor.link.jax.dispatch")
    function = dispatch.jax_funcify(FunctionGraph(inputs, [output], clone=True))
    return lambda *arrays: function(*arrays)[0]


def height(outputs):
    """A scalar in which every entry of every output has a weight of its own."""
    return sum(
        pt.sum(y * np.cos(1 + np.arange(np.prod(y.type.shape))).reshape(y.type.shape))
        for y in map(plain, outputs)
    )


def stored(name, rng):
    """Input of a row, complex, as stored."""
    return algebra("complex").from_numpy(TABLE[name].draw(rng, 3, 3)[0])


@pytest.fixture(scope="module")
def rows():
    """Of every row: the input, the cost as a JAX function, and the gradient as PyTensor has it."""
    rng = np.random.default_rng(7)
    cases = {}
    variables, gradients = [], []
    for name in ROWS:
        value = stored(name, rng)
        x = pt.tensor(dtype="float64", shape=value.shape)
        cost = height(TABLE[name].outputs(x, field="complex"))
        variables.append(x)
        gradients.append(pt.grad(cost, x))
        cases[name] = value, pure([x], cost)
    values = [case[0] for case in cases.values()]
    expected = pytensor.function(variables, gradients, mode="FAST_COMPILE")(*values)
    return {k: (*case, g) for (k, case), g in zip(cases.items(), expected, strict=True)}


@pytest.mark.parametrize("name", ROWS)
def test_gradient(rows, name):
    value, cost, expected = rows[name]
    got = np.asarray(jax.jit(jax.grad(cost))(value))
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-11)


def test_gradients_of_a_batch_of_chains(rows):
    value, cost, expected = rows["expm_skew"]
    got = np.asarray(jax.vmap(jax.grad(cost))(np.stack([value, value])))
    np.testing.assert_allclose(got, np.stack([expected] * 2), rtol=1e-9, atol=1e-11)


def test_second_derivative_backward_twice():
    x = pt.tensor(dtype="float64", shape=(2, 2, 2))
    value = np.random.default_rng(1).standard_normal((2, 2, 2))
    cost = height([ug.expm(x, field="complex")])
    expected = pytensor.function(
        [x], pt.grad(pt.sqr(pt.grad(cost, x)).sum(), x), mode="FAST_COMPILE"
    )(value)
    f = pure([x], cost)
    got = jax.jit(jax.grad(lambda a: (jax.grad(f)(a) ** 2).sum()))(value)
    np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-9, atol=1e-11)


def test_repeated_eigenvalues_do_no_harm():
    """Where JAX's own rule for eigenvectors divides by zero."""
    x = pt.tensor(dtype="float64", shape=(2, 3, 3))
    got = jax.grad(pure([x], height([ug.expm(x, True, field="complex")])))(np.zeros((2, 3, 3)))
    assert np.isfinite(np.asarray(got)).all()


def test_forward_mode_is_refused_aloud():
    x = pt.tensor(dtype="float64", shape=(2, 2, 2))
    f = pure([x], height([ug.expm(x, field="complex")]))
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(f, (np.zeros((2, 2, 2)),), (np.ones((2, 2, 2)),))


@pytest.mark.parametrize("field", ["complex", "real"])
def test_recurrence_in_both_directions(field):
    rng = np.random.default_rng(2)
    planes = (2,) if field == "complex" else ()
    values = [
        0.5 * rng.standard_normal(shape)
        for shape in ((4, *planes, 2, 3), (*planes, 3, 3), (*planes, 2, 3), (3,))
    ]
    inputs = [pt.tensor(dtype="float64", shape=v.shape) for v in values]
    cost = height([ug.recurrence(*inputs), ug.recurrence(*inputs, states="last")])
    expected = pytensor.function(inputs, pt.grad(cost, inputs), mode="FAST_COMPILE")(*values)
    f = pure(inputs, cost)
    backward = jax.jit(jax.grad(f, argnums=(0, 1, 2, 3)))(*values)
    for got, want in zip(backward, expected, strict=True):
        np.testing.assert_allclose(np.asarray(got), want, rtol=1e-9, atol=1e-11)
    _, slope = jax.jvp(f, tuple(values), tuple(values))
    along = sum((v * g).sum() for v, g in zip(values, expected, strict=True))
    np.testing.assert_allclose(np.asarray(slope), along, rtol=1e-9)


def test_sums_keep_their_dtype_inside_wider_arithmetic():
    """PyTensor leaves float64 accumulators as they are, which `pytensor.scan` then refuses."""
    x = pt.tensor("x", dtype="float32", shape=(3, 4))
    f = pytensor.function([x], [x.sum(axis=0), pt.sqr(x).sum()], mode="JAX")
    value = np.ones((3, 4), "float32")
    assert [str(y.dtype) for y in f(value)] == ["float32", "float32"]
