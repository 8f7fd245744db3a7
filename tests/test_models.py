"""expRNN and full-capacity uRNN against NumPy loops of their formulas, and their initial values."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import scipy.linalg
from numpy.testing import assert_allclose

import unitarygraph as ug
from unitarygraph import models, updates
from unitarygraph.fields import algebra

INPUT, HIDDEN, OUTPUT, STEPS, BATCH = 3, 7, 4, 50, 5
CASES = [
    ("exprnn", {"field": "real", "init": "henaff"}),
    ("exprnn", {"field": "real", "init": "cayley"}),
    ("exprnn", {"field": "complex", "init": "haar"}),
    ("exprnn", {"field": "complex", "init": "henaff"}),
    ("fcurnn", {"field": "complex"}),
    ("fcurnn", {"field": "real", "init": "haar"}),
]


def build(name, options, dtype="float64", rng=0, hidden=HIDDEN):
    return models.build(name, INPUT, hidden, OUTPUT, rng=rng, dtype=dtype, **options)


def values(model):
    return {p.name: np.array(p.get_value()) for p in model.params}


def modrelu(z, bias, field):
    if field == "real":
        return np.sign(z) * np.maximum(np.abs(z) + bias, 0)
    m = np.sqrt(np.abs(z) ** 2 + 1e-5)
    return z * np.maximum(m + bias, 0) / m


def reference(name, p, x, mask, field):
    """Outputs of all steps, written from the formula in complex arithmetic."""
    to_numpy = algebra(field).to_numpy
    if name == "exprnn":
        upper = to_numpy(p["A"])
        skew = np.triu(upper, 1) - np.triu(upper, 1).conj().T
        if field == "complex":
            skew = skew + 1j * np.diag(np.diagonal(upper).imag)
        w, h = scipy.linalg.expm(skew), np.zeros(HIDDEN)
    else:
        w, h = to_numpy(p["W"]), p["h0"] if field == "real" else p["h0"][0] + 1j * p["h0"][1]
    kernel = to_numpy(p["V"])
    h = np.broadcast_to(h, (x.shape[1], HIDDEN))
    outputs = []
    for t in range(len(x)):
        new = modrelu(h @ w + x[t] @ kernel, p["b"], field)
        h = np.where(mask[t][:, None] != 0, new, h)
        features = np.concatenate([h.real, h.imag], axis=1) if field == "complex" else h
        outputs.append(features @ p["U"] + p["c"])
    return np.stack(outputs)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_fifty_steps_agree_with_the_formula(name, options, rng):
    model = build(name, options)
    x = pt.tensor3("x", dtype="float64")
    mask = pt.matrix("mask", dtype="float64")
    f = pytensor.function([x, mask], model(x, mask), mode="FAST_COMPILE")
    data = rng.standard_normal((STEPS, BATCH, INPUT))
    lengths = rng.integers(1, STEPS + 1, BATCH)
    keep = (np.arange(STEPS)[:, None] < lengths).astype(float)
    expected = reference(name, values(model), data, keep, options["field"])
    assert_allclose(f(data, keep), expected, atol=1e-11 * np.abs(expected).max())


@pytest.mark.parametrize(("name", "options"), CASES)
def test_gradient_is_the_slope(name, options, rng):
    model = build(name, options)
    x = pt.as_tensor(rng.standard_normal((6, 2, INPUT)))
    loss = pt.square(model(x)).mean()
    for p in model.params:
        result = ug.check_gradient(loss, p, rng=1)
        assert result.passed, str(result)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "options"), CASES)
def test_recurrent_matrix_stays_unitary_in_training(name, options, dtype, rng):
    model = build(name, options, dtype, hidden=16)
    x = pt.tensor("x", dtype=dtype, shape=(8, BATCH, INPUT))
    loss = pt.square(model(x) - 1).mean()
    rules = updates.rmsprop(loss, model.params, 1e-2)
    step = pytensor.function([x], loss, updates=rules, mode="FAST_COMPILE")
    data = rng.standard_normal((8, BATCH, INPUT)).astype(dtype)
    before = model.recurrent_matrix()
    losses = [step(data) for _ in range(40)]
    after = model.recurrent_matrix()
    assert losses[-1] < losses[0]
    assert np.linalg.norm(after - before) > 1e-3
    assert ug.unitarity(model) < 200 * np.finfo(dtype).eps * 16
    assert after.real.dtype == dtype
    assert all(p.get_value().dtype == dtype for p in model.params)


@pytest.mark.parametrize(
    ("name", "options", "count"),
    [
        # A as stored, V, b, U, c
        ("exprnn", {"field": "real"}, 49 + 21 + 7 + 28 + 4),
        ("exprnn", {"field": "complex"}, 98 + 42 + 7 + 56 + 4),
        # W, V, h0, b, U, c
        ("fcurnn", {"field": "complex"}, 98 + 42 + 14 + 7 + 56 + 4),
    ],
)
def test_parameter_counts(name, options, count):
    assert sum(p.get_value().size for p in build(name, options).params) == count


def test_initial_values_are_the_published_ones():
    model = models.build("exprnn", 200, 400, 50, rng=3, dtype="float64", init="henaff")
    p = values(model)
    angles = p["A"][np.arange(0, 400, 2), np.arange(1, 400, 2)]
    assert np.count_nonzero(p["A"]) == 200
    assert -np.pi < angles.min() < -2.8
    assert 2.8 < angles.max() < np.pi
    assert_allclose(p["V"].std(), np.sqrt(2 / 200), rtol=0.02)
    assert_allclose(p["U"].std(), np.sqrt(2 / 400), rtol=0.02)
    assert np.abs(p["b"]).max() <= 0.01
    assert not p["c"].any()
    p = values(models.build("exprnn", 200, 400, 50, rng=3, dtype="float64", field="complex"))
    assert_allclose(np.square(p["V"]).sum(axis=0).mean(), 2 / 200, rtol=0.02)
    p = values(models.build("fcurnn", 200, 400, 50, rng=3, dtype="float64"))
    assert np.abs(p["V"]).max() <= np.sqrt(6 / 600)
    assert np.abs(p["h0"]).max() <= np.sqrt(3 / 800)
    assert np.abs(p["h0"]).max() > 0.9 * np.sqrt(3 / 800)


def test_one_seed_one_model():
    first, second, other = (values(build(*CASES[0], rng=seed)) for seed in (1, 1, 2))
    assert all(np.array_equal(first[k], second[k]) for k in first)
    assert not np.array_equal(first["V"], other["V"])


def test_unknown_names_are_listed():
    with pytest.raises(ValueError, match="exprnn, fcurnn, lstm, tanh"):
        models.build("exprn", 1, 1, 1)
    with pytest.raises(ValueError, match="init: expected one of cayley, haar, henaff"):
        build("exprnn", {"init": "hennaf"})
    with pytest.raises(ValueError, match="field"):
        build("exprnn", {"field": "quaternion"})
