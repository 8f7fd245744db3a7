"""The table of models, and first values of those with one matrix; the rest is in test_lineage.py."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from unitarygraph import models, tasks


def first_values(name, **options):
    model = models.build(name, 200, 400, 50, rng=3, dtype="float64", **options)
    return {p.name: p.get_value() for p in model.params}


def test_exprnn_starts_as_published():
    p = first_values("exprnn", init="henaff")
    angles = p["A"][np.arange(0, 400, 2), np.arange(1, 400, 2)]
    assert np.count_nonzero(p["A"]) == 200
    assert -np.pi < angles.min() < -2.8
    assert 2.8 < angles.max() < np.pi
    assert_allclose(p["V"].std(), np.sqrt(2 / 200), rtol=0.02)
    assert_allclose(p["U"].std(), np.sqrt(2 / 400), rtol=0.02)
    assert np.abs(p["b"]).max() <= 0.01
    assert not p["c"].any()
    p = first_values("exprnn", field="complex")
    assert_allclose(np.square(p["V"]).sum(axis=0).mean(), 2 / 200, rtol=0.02)


@pytest.mark.parametrize("name", ["urnn", "fcurnn", "scurnn"])
def test_complex_models_start_as_published(name):
    p = first_values(name)
    start = 0.01 if name == "scurnn" else np.sqrt(3 / 800)
    for key, scale in (
        ("V", np.sqrt(6 / 1000)),
        ("U", np.sqrt(6 / 850)),
        ("b", 0.01),
        ("h0", start),
    ):
        assert 0.98 < np.abs(p[key]).max() / scale <= 1, key
    assert not p["c"].any()


def test_fcurnn_starts_as_a_urnn_and_a_real_one_haar_distributed():
    W = first_values("fcurnn")["W"]
    urnn = models.build("urnn", 200, 400, 50, rng=3, dtype="float64").recurrent_matrix()
    assert_allclose(W[0] + 1j * W[1], urnn, atol=1e-12)
    assert models.build("fcurnn", 2, 4, 3, field="real", rng=0).options["init"] == "haar"
    diagonal = first_values("fcurnn", init="henaff")["W"]
    assert not (diagonal - diagonal * np.eye(400)).any()


def test_scurnn_starts_of_real_blocks():
    A = first_values("scurnn")["A"]
    assert not A[1].any()
    assert np.count_nonzero(A[0]) == 200
    assert -1 < A[0][np.arange(0, 400, 2), np.arange(1, 400, 2)].min() < -0.95


def test_ornn_and_eurnn_start_as_published():
    p = first_values("ornn")
    assert 0.98 < np.abs(p["h0"]).max() / np.sqrt(3 / 800) <= 1
    assert not p["b"].any()
    assert not first_values("eurnn")["b"].any()


def test_tanh_starts_orthogonal_and_irnn_at_the_identity():
    W = first_values("tanh")["W"]
    assert_allclose(W.T @ W, np.eye(400), atol=1e-12)
    p = first_values("irnn")
    assert np.array_equal(p["W"], np.eye(400))
    assert_allclose(p["V"].std(), 1e-3, rtol=0.02)
    assert not p["b"].any()


def test_which_models_have_a_recurrent_matrix():
    tanh = models.build("tanh", 2, 3, 4, rng=0)
    assert tanh.recurrent_matrix().shape == (3, 3)
    lstm = models.build("lstm", 2, 3, 4, layers=2, rng=0)
    assert lstm.recurrent_matrix() is None
    assert lstm.recurrent_matrices() == []


def test_options_and_refusals():
    assert models.options_of("lstm") == {
        "forget_bias": 1.0, "layers": 1, "bidirectional": False, "dropout": 0.0, "memory": "all",
    }  # fmt: skip
    with pytest.raises(ValueError, match=r"model: expected one of .*lstm.*, got 'gru2'"):
        models.build("gru2", 1, 1, 1)
    with pytest.raises(TypeError, match=r"tanh: expected options among .*, got 'delay'"):
        models.build("tanh", 1, 1, 1, delay=3)
    with pytest.raises(ValueError, match="hidden_size must be at least 1, got 0"):
        models.build("tanh", 1, 0, 1)
    with pytest.raises(ValueError, match=r"init: expected one of .*, got 'hennaf'"):
        models.build("exprnn", 1, 2, 1, init="hennaf", rng=0)
    with pytest.raises(ValueError, match="field"):
        models.build("exprnn", 1, 2, 1, field="quaternion", rng=0)


def test_what_a_model_annotates_is_an_option_and_what_it_assigns_is_fixed():
    class Small(models.lookup("exprnn")):
        depth: int = 2
        bias_range = 0.5
        init = "cayley"

    model = Small(2, 3, 4, depth=5, layers=2, rng=0)
    assert model.options == {
        "layers": 2, "bidirectional": False, "dropout": 0.0, "memory": "all", "field": "real",
        "init": "cayley", "activation": "modrelu", "depth": 5,
    }  # fmt: skip
    assert Small.__doc__ is None
    assert model.bias_range == 0.5
    with pytest.raises(TypeError, match="bias_range"):
        Small(2, 3, 4, bias_range=1)
    with pytest.raises(TypeError, match="positional"):
        Small(2, 3, 4, 5)
    twin = Small(2, 3, 4, depth=5, layers=2, rng=0)
    assert model != twin
    assert len({model, twin}) == 2


@pytest.mark.parametrize("kind", [models, tasks])
def test_both_kinds_refuse_unknown_names_and_options_alike(kind):
    name, what = kind.names()[0], kind.__name__.rpartition(".")[2][:-1]
    with pytest.raises(ValueError, match=rf"{what}: expected one of .*{name}.*, got 'x'"):
        kind.lookup("x")
    sizes = (1, 1, 1) if kind is models else ()
    option = min(kind.options_of(name))
    with pytest.raises(TypeError, match=rf"{name}: expected options among .*'{option}'.*got 'x'"):
        kind.build(name, *sizes, x=3)
