import copy
import pickle

import numpy as np
import pytensor
import pytest
from oracles import AS_WRITTEN

from unitarygraph import stacked
from unitarygraph.core.layout import plain
from unitarygraph.manifolds import Euclidean, Stiefel, Unitary
from unitarygraph.parameter import manifold_of, parameter
from unitarygraph.updates import adagrad, adam, lion, momentum, rmsprop, sgd


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_keeps_dtype_shape_and_manifold(dtype):
    value = Unitary().random_point(3, 0, dtype)
    p = parameter(value, Unitary(), name="W")
    assert p.type.dtype == dtype
    assert p.type.shape == (2, 3, 3)
    assert p.manifold == Unitary()
    assert p.name == "W"


def test_the_value_is_copied():
    value = np.ones((2, 3))
    p, q = parameter(value), parameter(value)
    value[:] = 7
    p.set_value(np.zeros((2, 3)))
    assert np.array_equal(q.get_value(), np.ones((2, 3)))


def test_flat_space_is_the_default_and_takes_any_shape():
    for shape in [(), (3,), (2, 3), (2, 3, 4, 5)]:
        p = parameter(np.zeros(shape))
        assert p.manifold == Euclidean("real")
        assert p.type.shape == shape


@pytest.mark.parametrize(
    "value", [1, 2.5, [1, 2], [[0.5, 1.0]], True, np.arange(3), np.bool_(True)], ids=repr
)
def test_python_numbers_and_integers_become_floatx(value):
    with pytensor.config.change_flags(floatX="float32"):
        assert parameter(value).type.dtype == "float32"
    with pytensor.config.change_flags(floatX="float64"):
        assert parameter(value).type.dtype == "float64"


def test_refuses_a_value_off_the_manifold_and_names_the_deviation():
    value = Unitary().random_point(4, 0, "float64")
    with pytest.raises(ValueError, match=r"value of 'W'.*\|\|X\^H X - I\|\|_F = 6, the limit is"):
        parameter(2 * value, Unitary(), name="W")
    with pytest.raises(ValueError, match="Stiefel"):
        parameter(np.ones((4, 2)), Stiefel("real"))
    with pytest.raises(ValueError, match=r"\(..., 2, m, n\)"):
        parameter(np.eye(3), Unitary())
    with pytest.raises(ValueError, match="not finite"):
        parameter(np.array([1.0, np.nan]))


def test_refuses_other_dtypes_with_the_way_out():
    z = np.eye(2) * 1j
    with pytest.raises(ValueError, match=r"value of 'W' is complex .*give a manifold with field="):
        parameter(z, Unitary("real"), name="W")
    with pytest.raises(TypeError, match="complex256"):
        parameter(np.zeros(2, "complex256"))
    assert parameter(stacked.from_complex(z), Unitary()).type.shape == (2, 2, 2)
    with pytest.raises(TypeError, match="float16"):
        parameter(np.zeros(2, "float16"))
    with pytest.raises(TypeError, match="got dtype"):
        parameter("text")
    with pytest.raises(TypeError, match="manifold must be"):
        parameter(np.eye(2), manifold="unitary")
    with pytest.raises(TypeError, match="variable"):
        parameter(parameter(1.0))


def test_the_manifold_survives_clones_copies_and_pickles():
    p = parameter(Unitary("real").random_point(3, 0), Unitary("real"), name="W")
    loss = (p**2).sum()
    assert manifold_of(p.clone()) == Unitary("real")
    assert manifold_of(copy.copy(p)) == Unitary("real")
    assert manifold_of(pickle.loads(pickle.dumps(p))) == Unitary("real")
    pytensor.function([], loss, updates={p: p}, mode=AS_WRITTEN)()
    assert p.manifold == Unitary("real")


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (4, 2, 3), (5, 4, 2, 3)])
def test_complex_values_of_any_shape_go_in_and_come_out(shape, dtype, rng):
    z = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(dtype)
    p = parameter(z, name="z")
    assert p.manifold == Euclidean("complex")
    assert np.array_equal(p.get_value(), stacked.from_complex(z))
    copies = [p, p.clone(), copy.copy(p), copy.deepcopy(p), pickle.loads(pickle.dumps(p))]
    for q in copies:
        assert q.manifold == manifold_of(q) == p.manifold
        assert q.value.dtype == dtype
        assert np.array_equal(q.value, z)
    assert np.array_equal(parameter(stacked.from_complex(z), Euclidean("complex")).value, z)


def test_complex_values_on_manifolds_and_in_lists(rng):
    z = stacked.to_complex(Unitary().random_point(3, rng, "float64"))
    p = parameter(z, Unitary(), name="W")
    assert np.array_equal(p.value, z)
    assert parameter([1j, 2]).value.tolist() == [1j, 2]
    real = parameter(np.eye(2), Unitary("real"))
    assert real.value.dtype == "float64"
    real.value[0] = 7
    assert np.array_equal(real.value, np.eye(2))


@pytest.mark.parametrize("shape", [(), (3,), (4, 3)])
@pytest.mark.parametrize(
    "rule", [sgd, momentum, adam, rmsprop, adagrad, lion], ids=lambda r: r.__name__
)
def test_rules_take_complex_parameters_for_flat(shape, rule, rng):
    z = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    complex_one, stored_one = parameter(z, name="p"), parameter(stacked.from_complex(z), name="p")
    for p in (complex_one, stored_one):
        loss = (plain(p) ** 4).sum()
        step = pytensor.function([], updates=rule(loss, [p], 0.1), mode=AS_WRITTEN)
        step(), step()
    assert np.array_equal(complex_one.get_value(), stored_one.get_value())
    assert not np.array_equal(complex_one.value, z)


@pytest.mark.parametrize("shape", [(2, 3, 3), (4, 2, 1, 1)])
def test_plain_variables_that_look_like_complex_matrices_are_refused(shape):
    p = pytensor.shared(np.ones(shape), name="p")
    message = r"params: p of shape .*parameter\(value, manifold\).*parameter\(value\) for flat"
    with pytest.raises(ValueError, match=message):
        sgd((p**2).sum(), [p], 0.1)


def test_manifold_of_plain_variables():
    assert manifold_of(pytensor.shared(np.zeros(2))) == Euclidean("real")
    assert manifold_of(pytensor.shared(np.zeros((2, 3, 4)))) == Euclidean("real")
    assert manifold_of(parameter(np.zeros((2, 3, 3)))) == Euclidean("real")
    with pytest.raises(TypeError, match="shared variables"):
        manifold_of(pytensor.tensor.matrix("A"))
