"""Gated cells in layers and both directions, their published first values and what they refuse."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from lineage import cgrnn
from lineage.formulas import read_out
from numpy.testing import assert_allclose
from oracles import AS_WRITTEN

from unitarygraph import models, nn
from unitarygraph.parametrizations import Exp, Givens

T, B, INPUT, HIDDEN, OUTPUT = 7, 3, 2, 4, 3

# pip's PyTensor has no BLAS for its C code, which scan uses in FAST_COMPILE mode, and says so
pytestmark = pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS")


def composed(p, x):
    """States of the second of two layers run in both directions."""
    states, mask = x, np.ones((T, B))
    for layer in ("layer0", "layer1"):
        runs = []
        for direction, order in (("forward", slice(None)), ("backward", slice(None, None, -1))):
            prefix = f"{layer}/{direction}/"
            own = {k.removeprefix(prefix): v for k, v in p.items() if k.startswith(prefix)}
            runs.append(cgrnn.states(own, states[order], mask, 2)[order])
        states = np.concatenate(runs, axis=-1)
    return states


def test_complex_layers_and_directions_compose(rng):
    """The second layer reads complex states; a slope along all parameters at once."""
    model = models.build(
        "cgrnn", INPUT, HIDDEN, OUTPUT, rng=2, dtype="float64", layers=2, bidirectional=True
    )
    x = pt.tensor("x", dtype="float64", shape=(T, B, INPUT))
    outputs = model(x)
    loss = pt.sqr(outputs - 1).sum()
    gradients = pytensor.grad(loss, model.params)
    f = pytensor.function([x], [outputs, loss, *gradients], mode=AS_WRITTEN)
    given = rng.standard_normal((T, B, INPUT))
    found, _, *gradients = f(given)
    p = {v.name: v.get_value() for v in model.params}
    assert_allclose(found, read_out(p, composed(p, given)), atol=1e-12)
    directions = {k: rng.standard_normal(v.shape) for k, v in p.items()}
    slope = sum(
        (g * directions[v.name]).sum() for v, g in zip(model.params, gradients, strict=True)
    )
    assert all(np.abs(g).max() > 0 for g in gradients)
    h, losses = 1e-6, []
    for sign in (1, -1):
        for v in model.params:
            v.set_value(p[v.name] + sign * h * directions[v.name])
        losses.append(f(given)[1])
    assert (losses[0] - losses[1]) / (2 * h) == pytest.approx(slope, rel=1e-6)


def test_rotations_in_each_step_are_those_of_the_matrix(rng):
    x = pt.tensor("x", dtype="float64", shape=(T, B, INPUT))
    states = []
    for structured in (False, True):
        rotations = Givens(6, capacity=3, field="real", rng=1, dtype="float64")
        states.append(nn.GORUCell(rotations, INPUT, structured=structured, rng=0)(x))
    dense, turned = pytensor.function([x], states, mode=AS_WRITTEN)(
        100 * rng.standard_normal((T, B, INPUT))
    )
    assert_allclose(turned, dense, atol=1e-13)
    assert np.abs(dense).max() > 0.1


def first_values(name, **options):
    model = models.build(name, 30, 40, 20, rng=3, dtype="float64", **options)
    return {v.name: v.get_value() for v in model.params}


def test_lstm_and_gru_start_as_published():
    for name, gates, options in (("lstm", 4, {"forget_bias": 1.5}), ("gru", 2, {"gate_bias": 1.5})):
        p = first_values(name, **options)
        recurrent = p["W" if name == "lstm" else "W_g"]
        for block in np.split(recurrent, gates, axis=1):
            assert_allclose(block.T @ block, np.eye(40), atol=1e-12)
        for block in np.split(p["V"], p["V"].shape[1] // 40, axis=1):
            assert 0.95 < np.abs(block).max() / np.sqrt(6 / 70) <= 1
        assert not p["c"].any()
    assert np.array_equal(first_values("lstm")["b"], np.repeat([0, 1, 0, 0], 40))
    assert np.array_equal(first_values("gru", gate_bias=2)["b"], np.repeat([2, 2, 0], 40))
    assert not first_values("gru")["b"].any()


def test_goru_starts_as_published():
    p = first_values("goru")
    assert p["W/theta"].shape == (2, 20)
    assert 2.5 < np.abs(p["W/theta"]).max() <= np.pi
    for name in ("V", "W_g"):
        assert 0.0095 < np.abs(p[name]).max() <= 0.01
    assert np.array_equal(p["b_g"], np.repeat([2, 0], 40))
    assert set(first_values("goru", update_bias=2)["b_g"]) == {2}
    assert set(p["b"]) == {0.01}


def test_cgrnn_starts_as_published():
    p = first_values("cgrnn")
    W = p["W"][0] + 1j * p["W"][1]
    assert_allclose(W.conj().T @ W, np.eye(40), atol=1e-12)
    assert set(p["b_g"].ravel()) == {4}
    assert not p["b"].any()
    assert not p["a"].any()
    for name, blocks in (("V", 1), ("V_g", 2), ("W_g", 2)):
        rows, columns = p[name].shape[1:]
        for plane in p[name]:
            assert 0.95 < np.abs(plane).max() / np.sqrt(6 / (rows + columns / blocks)) <= 1
    assert 0 < np.abs(p["offset"]).max() <= 0.01
    assert 0.9 <= first_values("cgrnn", activation="hirose")["m"] <= 1.1
    assert "a" not in first_values("cgrnn", train_mixture=False)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("cgrnn", {"gates": 3}, "gates must be 1 or 2, got 3"),
        ("cgrnn", {"activation": "spline"}, "activation: expected one of .*hirose.*, got 'spline'"),
        ("cgrnn", {"init": "hennaf"}, "init: expected one of .*, got 'hennaf'"),
        ("goru", {"style": "butterfly"}, "style: expected one of .*, got 'butterfly'"),
    ],
)
def test_bad_options_are_named(name, options, message):
    with pytest.raises(ValueError, match=message):
        models.build(name, INPUT, HIDDEN, OUTPUT, **options, rng=0)


def test_cells_name_the_field_that_they_need():
    with pytest.raises(ValueError, match=r"GORUCell: parametrization must be real, got.*complex"):
        nn.GORUCell(Exp(4, rng=0), 3)
    with pytest.raises(ValueError, match=r"CGRNNCell: parametrization must be complex, got.*real"):
        nn.CGRNNCell(Exp(4, field="real", rng=0), 3)
