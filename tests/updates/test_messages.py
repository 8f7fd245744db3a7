"""Calls that a user gets wrong, or rightly expects to work: what comes of them."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from oracles import AS_WRITTEN
from pytensor.gradient import DisconnectedInputError

from unitarygraph import models, nn
from unitarygraph.manifolds import Unitary
from unitarygraph.parameter import parameter
from unitarygraph.updates import adamw, freeze, project_after, sgd

DTYPE = "float64"


def pieces(rng, field, m=3, n=4):
    lead = (2,) if field == "complex" else ()
    W = Unitary(field).random_point(n, rng, DTYPE)
    return rng.standard_normal((*lead, m, n)), W, lead


@pytest.mark.parametrize("field", ["real", "complex"])
def test_integers_are_one_hot_rows_and_defaults_work(field, rng):
    V, W, lead = pieces(rng, field)
    x = rng.integers(0, 3, (5, 2))
    states = [
        nn.recurrent(pt.as_tensor_variable(inputs), pt.constant(V), pt.constant(W)).eval(
            mode=AS_WRITTEN
        )
        for inputs in (x, np.eye(3)[x])
    ]
    assert states[0].shape == (5, *lead, 2, 4)
    np.testing.assert_allclose(states[0], states[1], rtol=1e-14)
    assert np.all(abs(states[0]).max(axis=-1) > 0)


@pytest.mark.parametrize(
    "name", ["urnn", "exprnn", "scornn", "cgrnn", "goru", "gru", "lstm", "lru"]
)
def test_models_read_integers_as_one_hot_rows(name, rng):
    model = models.build(name, 3, 4, 2, rng=rng, dtype=DTYPE)
    x = rng.integers(0, 3, (3, 2))
    index, rows = pt.lmatrix("x"), pt.tensor("rows", dtype=DTYPE, shape=(3, 2, 3))
    f = pytensor.function([index, rows], [model(index), model(rows)], mode=AS_WRITTEN)
    ours, expected = f(x, np.eye(3)[x])
    np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("field", ["real", "complex"])
def test_a_first_state_for_each_sample(field, rng):
    V, W, lead = pieces(rng, field)
    x, h0 = rng.standard_normal((3, 2, 3)), rng.standard_normal((*lead, 2, 4))
    given = [pt.constant(a) for a in (x, V, W)]
    together = nn.recurrent(*given, h0=h0).eval(mode=AS_WRITTEN)
    for b in range(2):
        alone = nn.recurrent(*given, h0=h0[..., b, :]).eval(mode=AS_WRITTEN)
        np.testing.assert_allclose(together[..., b, :], alone[..., b, :], rtol=1e-14)
    with pytest.raises(ValueError, match=r"h0 must be \(.*n.*\) or \(.*B, n\), got shape"):
        nn.recurrent(*given, h0=np.zeros((1, 2, 2, 4)))


def test_wrong_inputs_of_recurrent_layers_are_named(rng):
    V, W, _ = pieces(rng, "complex")
    with pytest.raises(ValueError, match=r"x must be \(T, B, m\) or stacked .*got shape"):
        nn.recurrent(pt.dmatrix(), V, W)
    with pytest.raises(ValueError, match=r"x must be \(T, B\) of integers, got .*int64"):
        nn.recurrent(pt.ltensor3(), V, W)
    model = models.build("urnn", 3, 4, 2, rng=0, dtype=DTYPE)
    with pytest.raises(TypeError, match=r"x must be float64 as the parameters are.*got float32"):
        model(pt.ftensor3())


def test_one_parameter_is_a_list_of_one(rng):
    W = parameter(rng.standard_normal((3, 3)), name="W")
    loss = (W**4).sum()
    assert list(sgd(loss, W, 0.1)) == [W]
    assert W in adamw(loss, W, 1e-3)
    assert list(project_after({}, params=W)) == [W]


def test_a_parameter_that_the_loss_does_not_read_is_named():
    W, b = parameter(np.eye(2), name="W"), parameter(np.ones(2), name="b")
    with pytest.raises(DisconnectedInputError, match=r"does not depend on b; leave out of params"):
        sgd((W**2).sum(), [W, b], 0.1)


def test_freeze_takes_a_list_of_parameters():
    W, b = parameter(np.eye(2), name="W"), parameter(np.ones(2), name="b")
    updates = sgd((W**2).sum() + (b**2).sum(), [W, b], 0.1)
    assert list(freeze(updates, [b])) == list(freeze(updates, b)) == [W]


def test_a_method_names_itself_and_its_argument():
    z = np.eye(3, dtype=int)
    with pytest.raises(TypeError, match=r"exp: x must be float32 or float64, got dtype int64"):
        Unitary().exp(z, z)
    with pytest.raises(ValueError, match=r"exp: got a complex argument on Unitary\(real\)"):
        Unitary(field="real").exp(np.eye(3, dtype=complex), np.eye(3))
