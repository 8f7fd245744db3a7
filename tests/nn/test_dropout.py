"""Dropout: what is kept, how much, what real and imaginary part share, and the generator's state."""

from contextlib import nullcontext

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from backend_modes import the_mode
from oracles import AS_WRITTEN

from unitarygraph.nn import dropout
from unitarygraph.stacked import from_complex, to_complex
from unitarygraph.training.store import Checkpoint

RATE = 0.3
#: field, per_sequence, shape of x, shape of the mask
CASES = [
    ("real", False, (5, 40, 30), (5, 40, 30)),
    ("real", True, (5, 40, 30), (1, 40, 30)),
    ("complex", False, (5, 2, 40, 30), (5, 1, 40, 30)),
    ("complex", True, (5, 2, 40, 30), (1, 1, 40, 30)),
    ("complex", False, (2, 40, 30), (1, 40, 30)),
]


def generator(seed=0):
    return pytensor.shared(np.random.default_rng(seed), name="dropout")


def compiled(x, field, per_sequence, rng, mode=AS_WRITTEN):
    y, updates = dropout(x, RATE, rng, field, per_sequence)
    assert list(updates) == [rng]
    assert y.type == x.type
    return pytensor.function([x], [y, pt.grad(y.sum(), x)], updates=updates, mode=mode)


@pytest.mark.parametrize(("field", "per_sequence", "shape", "of_mask"), CASES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_units_are_dropped_and_the_rest_scaled(field, per_sequence, shape, of_mask, dtype):
    symbol = pt.tensor(dtype=dtype, shape=shape)
    f = compiled(symbol, field, per_sequence, generator())
    x = 1 + np.random.default_rng(1).random(shape).astype(dtype)
    first, slope = f(x)
    mask = (first != 0).reshape(shape)
    # The mask is constant along the axes that share it, and is drawn with numpy's generator.
    drawn = np.random.default_rng(0).uniform(size=of_mask) >= RATE
    np.testing.assert_array_equal(mask, np.broadcast_to(drawn, shape))
    np.testing.assert_allclose(first, np.where(drawn, x / (1 - RATE), 0), rtol=1e-6)
    np.testing.assert_allclose(
        slope, np.where(drawn, 1 / (1 - RATE), 0) * np.ones(shape), rtol=1e-6
    )
    # Binomial: within four standard deviations.
    assert abs(drawn.mean() - (1 - RATE)) < 4 * np.sqrt(RATE * (1 - RATE) / drawn.size)
    second = f(x)[0]
    assert second.dtype == dtype
    assert 0.3 < np.mean((second == 0) ^ (first == 0)) < 0.55  # 2 p (1 - p) = 0.42


def test_the_phase_is_kept(rng):
    z = rng.standard_normal((3, 4)) + 1j * rng.standard_normal((3, 4))
    f = compiled(pt.tensor(dtype="float64", shape=(2, 3, 4)), "complex", False, generator())
    y = to_complex(f(from_complex(z))[0])
    kept = y != 0
    assert 0 < kept.sum() < kept.size
    np.testing.assert_allclose(np.angle(y[kept]), np.angle(z[kept]))


def test_unknown_shapes(rng):
    x = rng.random((5, 2, 3, 4)) + 1
    f = compiled(pt.dtensor4(), "complex", True, generator())
    drawn = np.random.default_rng(0).uniform(size=(1, 1, 3, 4)) >= RATE
    np.testing.assert_allclose(f(x)[0], x * drawn / (1 - RATE))


def test_a_checkpoint_goes_on_with_the_same_masks(tmp_path):
    rng = generator()
    x = np.ones((4, 6))
    f = compiled(pt.dmatrix(), "real", False, rng)
    f(x)
    Checkpoint(1, 0.0, {rng.name: rng.get_value()}, {}).save(tmp_path / "point")
    expected = [f(x)[0] for _ in range(2)]
    rng.set_value(Checkpoint.load(tmp_path / "point").values[rng.name])
    np.testing.assert_array_equal([f(x)[0] for _ in range(2)], expected)


def test_at_rate_zero_x_is_returned():
    x = pt.dmatrix()
    y, updates = dropout(x, 0, generator())
    assert y is x
    assert updates == {}


@pytest.mark.filterwarnings("ignore:The RandomType SharedVariables:UserWarning")
@pytest.mark.parametrize("mode", [pytest.param("NUMBA", marks=pytest.mark.slow), "JAX"])
def test_backends(mode):
    x = np.ones((5, 2, 40, 30), "float64")
    with the_mode(mode) if mode == "JAX" else nullcontext():
        f = compiled(pt.tensor(dtype="float64", shape=x.shape), "complex", True, generator(), mode)
        first, second = (np.asarray(f(x)[0]) for _ in range(2))
    for y in (first, second):
        assert set(np.unique(y)) == {0, 1 / (1 - RATE)}
        assert (y == y[:1, :1]).all()
        assert abs((y[0, 0] != 0).mean() - (1 - RATE)) < 0.06
    assert (first != second).any()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"rate": 1}, ValueError, r"rate must be in \[0, 1\), got 1"),
        ({"rate": -0.1}, ValueError, r"rate must be in \[0, 1\), got -0.1"),
        ({"rate": float("nan")}, ValueError, r"rate must be in \[0, 1\), got nan"),
        ({"rng": np.random.default_rng(0)}, TypeError, "rng must be a shared generator"),
        ({"rng": 0}, TypeError, "rng must be a shared generator.*got 0"),
        ({"field": "quaternion"}, ValueError, "field must be 'complex' or 'real'"),
        ({"field": "complex"}, ValueError, r"at least 3 axes .*got shape \(4, 3\)"),
        ({"per_sequence": True}, ValueError, "at least 3 axes .*per_sequence=True"),
    ],
)
def test_wrong_arguments_are_refused(change, error, message):
    given = {"x": pt.tensor(dtype="float64", shape=(4, 3)), "rate": RATE, "rng": generator()}
    with pytest.raises(error, match=message):
        dropout(**given | change)
