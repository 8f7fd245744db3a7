import copy
import pickle

import numpy as np
import pytensor
import pytest

from unitarygraph import stacked
from unitarygraph.manifolds import Euclidean, Stiefel, Unitary
from unitarygraph.parameter import manifold_of, parameter


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
    with pytest.raises(TypeError, match="from_complex"):
        parameter(z, Unitary())
    with pytest.raises(TypeError, match="from_complex"):
        parameter([1j, 2])
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
    pytensor.function([], loss, updates={p: p}, mode="FAST_COMPILE")()
    assert p.manifold == Unitary("real")


def test_manifold_of_plain_variables():
    assert manifold_of(pytensor.shared(np.zeros(2))) == Euclidean("real")
    with pytest.raises(TypeError, match="shared variables"):
        manifold_of(pytensor.tensor.matrix("A"))
