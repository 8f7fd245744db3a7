"""The LRU beyond the battery of the lineage: layer, initial values, groups, norms, dropout, errors."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from lineage import lru as reference
from oracles import AS_WRITTEN

import unitarygraph as ug
from unitarygraph import models, nn
from unitarygraph.parametrizations import Diagonal


def test_eigenvalues_start_uniform_in_the_ring_by_areas():
    W = Diagonal(4000, r_min=0.6, r_max=0.9, max_phase=1.5, dtype="float64", rng=0)
    found = np.diagonal(W.value())
    squares, phases = np.abs(found) ** 2, np.angle(found)
    for values, low, high in ((squares, 0.36, 0.81), (phases, 0, 1.5)):
        assert low < values.min() < values.max() < high
        quartiles = np.quantile(values, [0.25, 0.5, 0.75])
        np.testing.assert_allclose(
            quartiles, low + (high - low) * np.array([1, 2, 3]) / 4, rtol=0.06
        )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"r_min": 0.9, "r_max": 0.5}, "r_min < r_max"),
        ({"r_max": 1.1}, "r_max <= 1"),
        ({"max_phase": 0}, "max_phase must be positive"),
        ({"modulus": "two"}, "modulus must be"),
        ({"field": "real"}, "field must be 'complex'"),
    ],
)
def test_diagonal_refuses(options, words):
    with pytest.raises(ValueError, match=words):
        Diagonal(3, **options)


def test_inverse_map_refuses_what_is_not_diagonal_or_not_in_the_disk():
    W = Diagonal(2, rng=0)
    for matrix, words in (
        (np.ones((2, 2)) / 3, "diagonal, got norm 4.71e-01"),
        (np.diag([0.5, 1.5]), "moduli in .0, 1., got 0.5 to 1.5"),
        (np.diag([0.5, 0]), "moduli in .0, 1., got 0 to 0.5"),
    ):
        with pytest.raises(ValueError, match=words):
            W.set_value(matrix)
    W.set_value(np.diag([0.5, -0.25]))
    np.testing.assert_allclose(W.value(), np.diag([0.5, -0.25]), atol=1e-6)
    with pytest.raises(ValueError, match="W must be diagonal"):
        Diagonal(2, modulus="one", rng=0).set_value(np.array([[0, 1], [1, 0]]))


def test_first_outputs_keep_the_variance_of_white_noise():
    """gamma is there for it: without it states have 1 / (1 - |lambda|^2) times the variance."""
    rng = np.random.default_rng(0)
    layer = nn.LRU(16, 64, r_min=0.9, r_max=0.99, dtype="float64", rng=1)
    layer.D.set_value(np.zeros(16))
    u = rng.standard_normal((600, 4, 16))
    y = layer(pt.constant(u)).eval(mode=AS_WRITTEN)[300:]
    assert 0.5 < y.var() < 2


def test_layer_is_linear_causal_and_backward_not():
    layer, both = (
        nn.LRU(2, 3, bidirectional=two, dtype="float64", name="u", rng=0) for two in (False, True)
    )
    assert [p.name for p in layer.params] == [
        f"u/{k}" for k in ("nu", "theta", "gamma", "B", "C", "D")
    ]
    assert [p.name for p in both.group("orthogonal")[4:]] == [
        f"u/backward/{k}" for k in ("nu", "theta", "gamma", "B")
    ]
    u = pt.tensor3("u", dtype="float64")
    f = pytensor.function([u], [layer(u), both(u)], mode=AS_WRITTEN)
    a, b = np.random.default_rng(2).standard_normal((2, 6, 1, 2))
    late = np.where(np.arange(6)[:, None, None] < 4, a, b)
    for of_a, of_b, of_sum in zip(f(a), f(b), f(a + 2 * b), strict=True):
        np.testing.assert_allclose(of_sum, of_a + 2 * of_b, atol=1e-12)
    np.testing.assert_array_equal(f(a)[0][:4], f(late)[0][:4])
    assert np.abs(f(a)[1] - f(late)[1]).max(axis=(1, 2)).min() > 1e-6
    with pytest.raises(ValueError, match="LRU: x must be"):
        layer(pt.zeros((5, 3, 4)))
    with pytest.raises(ValueError, match="LRU: state_size must be at least 1, got 0"):
        nn.LRU(2, 0)


def test_padding_does_not_reach_the_other_steps():
    model = models.build("lru", 2, 4, 3, layers=2, bidirectional=True, dtype="float64", rng=0)
    x = np.random.default_rng(3).standard_normal((7, 2, 2))
    mask = np.arange(7)[:, None] < [7, 4]
    v, m = pt.tensor3("x", dtype="float64"), pt.matrix("mask", dtype="bool")
    f = pytensor.function([v, m], model(v, m), mode=AS_WRITTEN)
    short = f(x[:4], mask[:4])
    np.testing.assert_allclose(f(x, mask)[:4, 1], short[:, 1], atol=1e-12)


def test_groups_and_matrices():
    model = models.build("lru", 2, 4, 3, layers=2, state_size=5, rng=0)
    names = {p.name.rpartition("/")[2] for p in model.group("orthogonal")}
    assert names == {"nu", "theta", "gamma", "B"}
    assert len(model.group("orthogonal")) == 8
    assert model.recurrent_matrix().shape == (5, 5)
    assert len(model.recurrent_matrices()) == 2
    assert not model.unitary


def test_training_drops_units_and_keeps_the_running_norms():
    model = models.build("lru", 2, 8, 3, dropout=0.5, norm="batch", dtype="float64", rng=0)
    x = pt.tensor3("x", dtype="float64")
    outputs, updates = model.training(x)
    assert {v.name for v in updates} == {
        "dropout0", "dropout1", "layer0/norm/mean", "layer0/norm/variance",
    }  # fmt: skip
    f = pytensor.function([x], [outputs, model(x)], updates=updates, mode=AS_WRITTEN)
    value = np.random.default_rng(4).standard_normal((5, 3, 2))
    (first, before), (second, after) = f(value), f(value)
    assert np.abs(first - second).max() > 0.01
    assert np.abs(before - after).max() > 0  # the running mean has moved
    known = {v.name: np.array(v.get_value()) for v in (*model.params, *model.buffers)}
    expected = reference.outputs(model, known, value, np.ones((5, 3)))
    np.testing.assert_allclose(f(value)[1], expected, atol=1e-12)
    assert models.build("lru", 2, 8, 3, rng=0).training(x)[1] == {}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"layers": 0}, "layers must be at least 1, got 0"),
        ({"norm": "group"}, "norm must be one of layer, batch, got 'group'"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\)"),
        ({"state_size": 0}, "state_size must be at least 1"),
    ],
)
def test_model_refuses(options, words):
    with pytest.raises(ValueError, match=words):
        models.build("lru", 2, 4, 3, **options, rng=0)


def test_gelu_against_the_normal_distribution():
    norm = pytest.importorskip("scipy.stats").norm
    x = np.linspace(-30, 30, 61).astype("float32")
    y = nn.gelu(pt.constant(x)).eval(mode=AS_WRITTEN)
    assert y.dtype == "float32"
    np.testing.assert_allclose(y, x * norm.cdf(x.astype("float64")), rtol=1e-5, atol=1e-30)


def test_public_name():
    assert ug.diagonal_recurrence(np.ones((2, 2, 1, 3)), np.ones((2, 3))).type.shape == (2, 2, 1, 3)
