"""The baselines step by step against NumPy, and the table of models."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from unitarygraph import models

# pip's PyTensor has no BLAS for its C code, which scan uses in FAST_COMPILE mode, and says so
pytestmark = pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS")

STEPS, BATCH, INPUTS, HIDDEN, OUTPUTS = 20, 3, 4, 5, 2
BASELINES = ("lstm", "tanh")


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def tanh_reference(p, x, mask):
    h, states = np.zeros((x.shape[1], HIDDEN)), []
    for x_t, m in zip(x, mask, strict=True):
        new = np.tanh(h @ p["recurrent/weight"] + x_t @ p["input/weight"] + p["recurrent/bias"])
        h = np.where(m[:, None] != 0, new, h)
        states.append(h)
    return np.array(states) @ p["output/weight"] + p["output/bias"]


def lstm_reference(p, x, mask):
    h = c = np.zeros((x.shape[1], HIDDEN))
    states = []
    for x_t, m in zip(x, mask, strict=True):
        z = x_t @ p["input/weight"] + h @ p["recurrent/weight"] + p["recurrent/bias"]
        i, f, g, o = np.split(z, 4, axis=1)
        new_c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        new_h = sigmoid(o) * np.tanh(new_c)
        keep = m[:, None] != 0
        h, c = np.where(keep, new_h, h), np.where(keep, new_c, c)
        states.append(h)
    return np.array(states) @ p["output/weight"] + p["output/bias"]


REFERENCES = {"lstm": lstm_reference, "tanh": tanh_reference}


@pytest.mark.parametrize("masked", [pytest.param(False, marks=pytest.mark.slow), True])
@pytest.mark.parametrize("name", BASELINES)
def test_outputs_equal_numpy(name, masked):
    rng = np.random.default_rng(0)
    model = models.build(name, INPUTS, HIDDEN, OUTPUTS, rng=1, dtype="float64")
    for p in model.params:  # zeros would hide a forgotten bias
        p.set_value(p.get_value() + 0.3 * rng.standard_normal(p.get_value().shape))
    values = {p.name: p.get_value() for p in model.params}
    x = pt.tensor("x", dtype="float64", shape=(STEPS, None, INPUTS))
    mask = pt.tensor("mask", dtype="float64", shape=(STEPS, None)) if masked else None
    given = rng.standard_normal((STEPS, BATCH, INPUTS))
    valid = np.ones((STEPS, BATCH))
    valid[[7, 13, 14, 19], [0, 1, 1, 2]] = 0
    symbols, arrays = ([x, mask], [given, valid]) if masked else ([x], [given])
    f = pytensor.function(symbols, model(x, mask=mask), mode="FAST_COMPILE")
    expected = REFERENCES[name](values, given, valid if masked else np.ones_like(valid))
    np.testing.assert_allclose(f(*arrays), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", BASELINES)
def test_every_parameter_has_a_gradient_and_keeps_its_dtype(name):
    model = models.build(name, INPUTS, HIDDEN, OUTPUTS, dtype="float32")
    x = pt.tensor("x", dtype="float32", shape=(3, BATCH, INPUTS))
    outputs = model(x)
    assert outputs.dtype == "float32"
    gradients = pytensor.grad((outputs**2).mean(), model.params)
    assert {g.dtype for g in gradients} == {p.dtype for p in model.params} == {"float32"}
    assert len({p.name for p in model.params}) == len(model.params)
    f = pytensor.function([x], gradients, mode="FAST_COMPILE")
    values = f(np.random.default_rng(0).standard_normal((3, BATCH, INPUTS)).astype("float32"))
    assert all(np.abs(g).max() > 0 for g in values)


def test_initial_values():
    lstm = models.build("lstm", INPUTS, HIDDEN, OUTPUTS, rng=0, forget_bias=1.5)
    p = {v.name: v.get_value() for v in lstm.params}
    assert np.array_equal(p["recurrent/bias"], np.repeat([0, 1.5, 0, 0], HIDDEN))
    for block in np.split(p["recurrent/weight"], 4, axis=1):
        np.testing.assert_allclose(block.T @ block, np.eye(HIDDEN), atol=1e-6)
    assert lstm.recurrent_matrix() is None
    assert lstm.options == {"forget_bias": 1.5}
    tanh = models.build("tanh", INPUTS, HIDDEN, OUTPUTS, rng=0)
    w = tanh.recurrent_matrix()
    np.testing.assert_allclose(w.T @ w, np.eye(HIDDEN), atol=1e-6)
    scale = np.sqrt(6 / (INPUTS + HIDDEN))
    assert np.abs(tanh.params[0].get_value()).max() < scale


@pytest.mark.parametrize("name", BASELINES)
def test_seed_decides_the_initial_values(name):
    first, same, other = (
        models.build(name, INPUTS, HIDDEN, OUTPUTS, rng=seed).params[0].get_value()
        for seed in (1, np.random.default_rng(1), 2)
    )
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_names_options_and_refusals():
    assert {*BASELINES} <= set(models.names())
    assert models.options_of("lstm") == {"forget_bias": 1.0}
    with pytest.raises(ValueError, match=r"model: expected one of .*lstm.*, got 'gru2'"):
        models.build("gru2", 1, 1, 1)
    with pytest.raises(TypeError, match=r"tanh: expected options among .*, got 'delay'"):
        models.build("tanh", 1, 1, 1, delay=3)
    with pytest.raises(ValueError, match="hidden_size must be at least 1, got 0"):
        models.build("tanh", 1, 0, 1)


def test_the_folder_refuses_to_be_imported_as_plain_models():
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", "import models"], cwd=root, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "from unitarygraph import models" in done.stderr
