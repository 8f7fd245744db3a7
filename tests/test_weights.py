"""Weights made orthogonal in place, and the report of a list of them."""

import numpy as np
import pytensor
import pytest
import scipy.linalg
from numpy.testing import assert_allclose
from oracles import complex_normal

from unitarygraph import models, stacked
from unitarygraph.manifolds import Euclidean, Stiefel, Unitary
from unitarygraph.parameter import parameter
from unitarygraph.weights import orthogonalize, unitarity


def polar_factor(z):
    """By SciPy, of the tall one of z and its adjoint."""
    if z.shape[0] >= z.shape[1]:
        return scipy.linalg.polar(z)[0]
    return scipy.linalg.polar(z.conj().T)[0].conj().T


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(3, 3), (6, 3), (3, 6), (4, 2, 3, 3), (9, 2, 2), (1, 5)])
def test_any_shape_becomes_the_nearest_orthogonal_one(shape, dtype, rng):
    value = rng.standard_normal(shape).astype(dtype)
    p = parameter(value, name="p")
    orthogonalize(p)
    found = p.get_value()
    assert found.shape == shape
    assert found.dtype == dtype
    flat = value.reshape(shape[0], -1).astype("float64")
    eps = 100 * np.finfo(dtype).eps
    assert_allclose(found.reshape(shape[0], -1), polar_factor(flat), atol=eps)
    assert unitarity([p])[p] < eps
    orthogonalize(p)
    assert_allclose(p.get_value(), found, atol=eps)


@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5)])
def test_complex_weights(shape, rng):
    z = complex_normal(rng, 2, *shape)
    p = parameter(stacked.from_complex(z), Euclidean(), name="p")
    q = pytensor.shared(stacked.from_complex(z), name="q")
    orthogonalize(p)
    orthogonalize([q], field="complex")
    for one, before in zip(stacked.to_complex(p.get_value()), z, strict=True):
        assert_allclose(one, polar_factor(before), atol=1e-13)
    assert np.array_equal(p.get_value(), q.get_value())
    assert unitarity([p])[p] < 1e-13
    assert unitarity([q], field="complex")[q] < 1e-13
    assert abs(stacked.to_complex(p.get_value()).imag).max() > 0.1


@pytest.mark.parametrize("shape", [(2, 3, 3), (4, 3, 2)])
def test_a_field_that_nobody_said_is_asked_for(shape, rng):
    plain = pytensor.shared(rng.standard_normal(shape), name="plain")
    before = plain.get_value()
    for act in (orthogonalize, unitarity):
        with pytest.raises(
            ValueError, match=r"plain of shape .*field='real'.*parameter with a man"
        ):
            act([plain])
    assert np.array_equal(plain.get_value(), before)
    orthogonalize([plain], field="real")
    flat = plain.get_value().reshape(shape[0], -1)
    assert_allclose(flat, polar_factor(before.reshape(shape[0], -1)), atol=1e-13)


@pytest.mark.parametrize("name", ["urnn", "fcurnn", "cgrnn", "exprnn", "lru", "lstm"])
def test_one_call_serves_the_models_of_both_fields(name, rng):
    options = {"layers": 1} if name == "lru" else {}
    model = models.build(name, 5, 4, 3, rng=rng, dtype="float64", **options)
    weights = {"V", "U", "V_g", "W_g", "layer0/B", "layer0/C", "decoder/weight", "W"}
    chosen = {p.name: p for p in model.params if p.name in weights}
    before = {p.name: p.value for p in model.params}
    orthogonalize(model.params)
    assert {"V", "U"} <= set(chosen) or name == "lru"
    for weight, p in chosen.items():
        complex_ones = weight in {"layer0/B", "layer0/C"} or (name in COMPLEX and weight != "U")
        assert np.iscomplexobj(p.value) == complex_ones
        assert_allclose(p.value, polar_factor(before[weight]), atol=1e-13)
    for vector in {"b", "h0", "b_g", "c", "layer0/gamma"} & set(before):
        p = next(p for p in model.params if p.name == vector)
        assert np.array_equal(p.value, before[vector])
        assert (
            np.iscomplexobj(p.value) == (vector in {"h0", "b_g"} and name in COMPLEX)
            or vector == "b"
        )


COMPLEX = {"urnn", "fcurnn", "cgrnn"}


def test_points_of_manifolds_are_mended(rng):
    for manifold, shape in ((Unitary(), (3, 4, 4)), (Stiefel("real"), (3, 5, 2))):
        x = manifold.random_point(shape, rng, "float64")
        p = parameter(x, manifold, name="p")
        p.set_value(x + 1e-3 * rng.standard_normal(x.shape))
        assert unitarity([p])[p] > 1e-3
        orthogonalize([p])
        assert manifold.is_on(p.get_value())
        assert_allclose(p.get_value(), x, atol=1e-2)


def test_biases_are_left_alone(rng):
    weight = parameter(rng.standard_normal((4, 3)), name="weight")
    bias, scale = parameter(np.full(3, 2.0), name="bias"), parameter(3.0, name="scale")
    orthogonalize([weight, bias, scale])
    assert np.array_equal(bias.get_value(), np.full(3, 2.0))
    assert scale.get_value() == 3.0
    report = unitarity([weight, bias, scale])
    assert list(report) == [weight]
    assert report[weight] < 1e-14
    assert unitarity((parameter(2 * np.eye(3), name="W"),)).popitem()[1] == pytest.approx(27**0.5)


def test_bad_weights_are_refused_and_nothing_changes(rng):
    good = pytensor.shared(rng.standard_normal((3, 3)), name="good")
    before = good.get_value()
    for entry in (np.nan, np.inf):
        value = np.ones((3, 4))
        value[1, 1] = entry
        with pytest.raises(ValueError, match="bad has 1 entries that are NaN or infinite"):
            orthogonalize([good, pytensor.shared(value, name="bad")])
    with pytest.raises(TypeError, match="whole must be float32 or float64, got int64"):
        orthogonalize([good, pytensor.shared(np.eye(3, dtype="int64"), name="whole")])
    with pytest.raises(TypeError, match="shared variables"):
        orthogonalize([good, np.eye(3)])
    with pytest.raises(ValueError, match="field must be"):
        orthogonalize([good], field="quaternion")
    assert np.array_equal(good.get_value(), before)


def test_a_manifold_that_the_factor_leaves_is_named(rng):
    manifolds = pytest.importorskip("unitarygraph.manifolds")
    sphere = manifolds.Sphere("real")
    p = parameter(sphere.random_point((3, 3), rng, "float64"), sphere, name="p")
    with pytest.raises(ValueError, match=r"polar factor of p was refused.*not on Sphere"):
        orthogonalize([p])
    oblique = manifolds.Oblique("real")
    p = parameter(oblique.random_point((3, 5), rng, "float64"), oblique, name="p")
    orthogonalize([p])
    assert unitarity([p])[p] < 1e-14
