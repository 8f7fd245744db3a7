"""SGD-G and Adam-G against the published algorithms, written in NumPy a row at a time."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose
from oracles import AS_WRITTEN

from unitarygraph import stacked, updates
from unitarygraph.core.layout import plain
from unitarygraph.manifolds import Oblique, Sphere, Unitary
from unitarygraph.parameter import parameter

RULES = {"sgd_g": updates.sgd_g, "adam_g": updates.adam_g}
RATE, STEPS = 0.2, 6
rules = pytest.mark.parametrize("name", RULES)


def gradient_of(x, a):
    return a + 2 * np.cos(2 * x)


def loss_of(p, a):
    x = plain(p)
    return (a * x).sum() + pt.sin(2 * x).sum()


def turned(y, d, v):
    """Row y moved along the great circle of d, and v, parallel to d, carried along."""
    length = np.linalg.norm(d)
    if length == 0:
        return y, v
    e = d / length
    along = np.sum(e * v)
    return (
        y * np.cos(length) + e * np.sin(length),
        along * (e * np.cos(length) - y * np.sin(length)),
    )


def published(name, rows, gradient, excess, omega, clip):
    """Rows (m, n), real; excess(rows) is Y Y^H Y - Y, gradient(rows) the Euclidean gradient."""
    m, v = np.zeros_like(rows), np.zeros(len(rows))
    for t in range(1, STEPS + 1):
        g = gradient(rows) + 2 * omega * excess(rows)
        new = np.empty_like(rows)
        for j, y in enumerate(rows):
            h = g[j] - (y @ g[j]) * y
            length = np.linalg.norm(h)
            if clip is not None and length > clip:
                h = h * clip / length
            if name == "sgd_g":
                d = m[j] = 0.9 * m[j] - RATE * h
            else:
                m[j] = 0.9 * m[j] + 0.1 * h
                v[j] = 0.99 * v[j] + 0.01 * h @ h
                alpha = np.sqrt(1 - 0.99**t) / (1 - 0.9**t)
                d = -alpha * RATE * m[j] / np.sqrt(v[j] + 1e-8)
            new[j], m[j] = turned(y, d, m[j])
        rows = new
    return rows


def steps(name, p, a, **options):
    new = RULES[name](loss_of(p, a), [p], RATE, **options)
    f = pytensor.function([], [], updates=new, mode=AS_WRITTEN)
    for _ in range(STEPS):
        f()
    return p.get_value()


@rules
@pytest.mark.parametrize(("omega", "clip"), [(0.0, None), (0.1, 0.1), (0.1, None)])
def test_real_rows_are_those_of_the_published_algorithm(name, omega, clip, rng):
    manifold = Oblique("real")
    x, a = manifold.random_point((3, 5), 0, "float64"), rng.standard_normal((3, 5))
    p = parameter(x, manifold, name="p")
    value = steps(name, p, a, omega=omega, grad_clip=clip)
    expected = published(
        name, x, lambda y: gradient_of(y, a), lambda y: y @ y.T @ y - y, omega, clip
    )
    assert_allclose(value, expected, rtol=0, atol=1e-12)
    assert np.linalg.norm(value - x) > 0.1


@rules
def test_complex_rows_are_real_rows_of_both_planes(name, rng):
    x, a = Oblique().random_point((3, 4), 0, "float64"), rng.standard_normal((2, 3, 4))
    p = parameter(x, Oblique(), name="p")
    value = steps(name, p, a, omega=0.1, grad_clip=0.5)

    def planes(rows):
        return rows.reshape(3, 2, 4).swapaxes(0, 1)

    def rows(planes):
        return planes.swapaxes(0, 1).reshape(3, 8)

    def excess(y):
        z = stacked.to_complex(planes(y))
        return rows(stacked.from_complex(z @ z.conj().T @ z - z))

    gradient = lambda y: rows(gradient_of(planes(y), a))  # noqa: E731
    expected = published(name, rows(x), gradient, excess, 0.1, 0.5)
    assert_allclose(rows(value), expected, rtol=0, atol=1e-12)


@rules
def test_columns_and_batches_are_rows_elsewhere(name, rng):
    x, a = Oblique("real").random_point((2, 3, 4), 0, "float64"), rng.standard_normal((2, 3, 4))
    batch = steps(name, parameter(x, Oblique("real"), name="p"), a, omega=0.1, grad_clip=0.5)
    for y, b, value in zip(x, a, batch, strict=True):
        columns = parameter(np.ascontiguousarray(y.T), Oblique("real", axis="columns"), name="p")
        moved = steps(name, columns, b.T, omega=0.1, grad_clip=0.5)
        assert_allclose(moved.T, value, rtol=0, atol=1e-13)


@rules
@pytest.mark.parametrize("shape", [(6,), (2, 3)])
def test_the_sphere_is_one_row(name, shape, rng):
    manifold = Sphere("real")
    x, a = rng.standard_normal(shape), rng.standard_normal(shape)
    x /= np.linalg.norm(x)
    value = steps(name, parameter(x, manifold, name="p"), a, omega=0.3, grad_clip=0.5)
    expected = published(
        name,
        x.reshape(1, -1),
        lambda y: gradient_of(y, a.reshape(1, -1)),
        np.zeros_like,
        0.3,
        0.5,
    )
    assert_allclose(value.reshape(1, -1), expected, rtol=0, atol=1e-12)


@rules
def test_omega_is_honoured_and_draws_rows_towards_orthogonality(name, rng):
    manifold = Oblique("real")
    x = manifold.random_point((3, 6), 0, "float64")
    p = parameter(x, manifold, name="p")
    new = RULES[name](0 * p.sum(), [p], 0.05, omega=1.0)
    f = pytensor.function([], [], updates=new, mode=AS_WRITTEN)
    gaps = []
    for _ in range(100):
        y = p.get_value()
        gaps.append(np.linalg.norm(y @ y.T - np.eye(3)))
        f()
    assert gaps[0] > 0.3
    assert gaps[-1] < 0.3 * gaps[0]


@rules
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kernels_keep_unit_rows_and_dtype_over_many_steps(name, dtype, rng):
    manifold = Oblique("real")
    p = parameter(manifold.random_point((4, 2 * 3 * 3), 0, dtype), manifold, name="kernel")
    a = rng.standard_normal((4, 2, 3, 3)).astype(dtype)
    loss = loss_of(p.reshape((4, 2, 3, 3)), a)
    new = RULES[name](loss, [p], np.float32(0.2), omega=0.1, grad_clip=0.1)
    assert all(value.type.dtype == variable.type.dtype for variable, value in new.items())
    f = pytensor.function([], loss, updates=new, mode=AS_WRITTEN)
    losses = [float(f()) for _ in range(100)]
    assert losses[-1] < losses[0]
    lengths = np.linalg.norm(p.get_value().astype("float64"), axis=1)
    assert_allclose(lengths, 1, rtol=0, atol=10 * np.finfo(dtype).eps)


@rules
def test_other_manifolds_are_refused(name):
    p = parameter(Unitary().random_point(3, 0, "float64"), Unitary(), name="W")
    b = parameter(np.zeros(3), name="b")
    rule = RULES[name]
    with pytest.raises(ValueError, match=rf"{name}: params must be on Oblique or Sphere, got W on"):
        rule(plain(p).sum(), [p], RATE)
    with pytest.raises(ValueError, match="got b on Euclidean"):
        rule(b.sum(), [b], RATE)
    q = parameter(Oblique("real").random_point((2, 4), 0, "float64"), Oblique("real"), name="q")
    for wrong in ("omega", "grad_clip"):
        with pytest.raises(ValueError, match=rf"{wrong} must be a scalar, got shape \(2,\)"):
            rule(plain(q).sum(), [q], RATE, **{wrong: np.ones(2)})


@rules
def test_a_rate_of_zero_is_no_fault(name):
    manifold = Oblique("real")
    p = parameter(manifold.random_point((2, 4), 0, "float64"), manifold, name="p")
    before = p.get_value()
    new = RULES[name](p.sum(), [p], 0.0, omega=0.0, grad_clip=0.1)
    pytensor.function([], [], updates=new, mode=AS_WRITTEN)()
    assert_allclose(p.get_value(), before, rtol=0, atol=1e-15)
