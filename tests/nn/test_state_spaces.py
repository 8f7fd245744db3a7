"""AUSSM, LinOSS and S5 beyond the battery of the lineage: what their steps keep, first values, errors."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose
from oracles import AS_WRITTEN

from unitarygraph import models, nn
from unitarygraph.nn.s5 import normal_hippo

LAYERS = {"AUSSM": nn.AUSSM, "LinOSS": nn.LinOSS, "S5": nn.S5}
OPTIONS = {
    "LinOSS": [{"discretization": "im"}, {"discretization": "imex"}],
    "S5": [{"discretization": "zoh"}, {"discretization": "bilinear"}],
}


def called(layer, u, mask=None):
    x = pt.tensor("u", dtype=layer.dtype, shape=u.shape)
    return pytensor.function([x], layer(x, mask), mode=AS_WRITTEN)(u)


def phases_of(layer, u):
    weight, bias = layer.phase_weight.get_value(), layer.phase_bias.get_value()
    return u.astype("float64") @ weight.astype("float64") / np.sqrt(layer.features) + bias


def test_aussm_in_single_precision_after_two_thousand_steps(rng):
    """Phases near pi a step sum to 6,000, where float32 has steps of 5e-4."""
    layer = nn.AUSSM(2, 3, dtype="float32", rng=0)
    layer.phase_bias.set_value(np.full(6, 3.0, "float32"))
    u = rng.standard_normal((2000, 1, 2)).astype("float32")
    found = called(layer, u)
    phase = phases_of(layer, u[:, 0]).reshape(2000, 2, 3)
    b, c = (v[0] + 1j * v[1] for v in (layer.b.get_value(), layer.c.get_value()))
    raw = u[:, 0] @ layer.rank_weight.get_value() @ layer.step_weight.get_value()
    step = np.log1p(np.exp(raw + layer.step_bias.get_value()))
    read = u[:, 0] / (1 + np.exp(-u[:, 0]))
    h, expected = np.zeros((2, 3), complex), []
    for t in range(2000):
        h = np.exp(1j * phase[t]) * h + (step[t] * read[t])[:, None] * b
        expected.append((h @ c).real + layer.d.get_value() * read[t])
    # rounded phases alone would be off by 1e-3 of the largest output
    assert_allclose(found[:, 0], expected, rtol=0, atol=2e-5 * np.abs(expected).max())


def test_aussm_counts_modulo_three():
    """Phases 2 pi a / 3: what the first step wrote is back after three ones, and stays at zeros."""
    layer = nn.AUSSM(1, 1, dtype="float64", rng=0)
    layer.phase_weight.set_value([[2 * np.pi / 3]])
    layer.phase_bias.set_value([0.0])
    layer.rank_weight.set_value([[0.0]])
    layer.d.set_value([0.0])
    layer.b.set_value([[1.0], [0.0]])
    layer.c.set_value([[1.0], [0.0]])
    step = np.log1p(np.exp(layer.step_bias.get_value()[0]))
    y = called(layer, np.array([1.0, 0, 0, 1, 0, 1, 1])[:, None, None])[:, 0, 0]
    # what a one writes, turned by the ones after it
    written = step / (1 + np.exp(-1))
    turns = np.cos(2 * np.pi / 3 * np.arange(4))
    sums = np.cumsum(turns)
    assert_allclose(y, written * sums[[0, 0, 0, 1, 1, 2, 3]], atol=1e-12)


@pytest.mark.parametrize("discretization", ["im", "imex"])
def test_oscillators_keep_or_lose_what_their_eigenvalues_say(discretization):
    layer = nn.LinOSS(2, 6, discretization=discretization, dtype="float64", rng=0)
    (matrix,) = layer.matrices()
    A, step = layer.a.get_value(), 1 / (1 + np.exp(-layer.s.get_value()))
    moduli = np.sort(np.abs(np.linalg.eigvals(matrix)))
    expected = (1 + step**2 * A) ** -0.5 if discretization == "im" else np.ones(6)
    assert_allclose(moduli, np.sort(np.repeat(expected, 2)), atol=1e-12)
    if discretization == "imex":
        one, zero = np.eye(6), np.zeros((6, 6))
        J = np.block([[zero, one], [-one, zero]])
        assert_allclose(matrix @ J @ matrix.T, J, atol=1e-12)


@pytest.mark.parametrize(("name", "options"), [(k, o) for k, all_ in OPTIONS.items() for o in all_])
def test_an_impulse_dies_or_turns_by_the_matrix(name, options):
    """Outputs after one input are powers of `matrices` applied to the state it made."""
    layer = LAYERS[name](1, 3, dtype="float64", rng=1, **options)
    layer.D.set_value(np.zeros(1))
    u = np.zeros((9, 1, 1))
    u[0] = 1
    y = called(layer, u)[:, 0, 0]
    (W,) = layer.matrices()
    # 2n numbers obey the recurrence of W's characteristic polynomial
    values = np.linalg.eigvals(W)
    both = np.concatenate([values, values.conj()]) if name == "S5" else values
    coefficients = np.poly(both).real
    residual = np.convolve(y, coefficients)[6:9]
    assert_allclose(residual, 0, atol=1e-12)
    assert np.abs(y).max() > 1e-4


def test_s5_starts_from_the_normal_part_of_hippo():
    size = 12
    i, j = np.indices((size, size))
    hippo = np.where(i > j, -np.sqrt((2 * i + 1) * (2 * j + 1)), np.where(i == j, -(i + 1.0), 0))
    root = np.sqrt(np.arange(size) + 0.5)
    normal = hippo + np.outer(root, root)
    values, V = normal_hippo(size)
    assert_allclose(normal @ V, V * values, atol=1e-12)
    assert (values.imag < 0).all()
    assert_allclose(V.conj().T @ V, np.eye(6), atol=1e-12)
    layer = nn.S5(4, 12, blocks=2, step_min=0.01, step_max=0.02, dtype="float64", rng=0)
    found = layer.re.get_value() + 1j * layer.im.get_value()
    assert_allclose(found, np.tile(normal_hippo(12)[0], 2), atol=1e-12)
    assert (np.abs(np.exp(layer.tau.get_value()) - 0.015) <= 0.005).all()


def test_s5_holds_inputs_at_the_smallest_steps():
    """(e^z - 1) / z is 1 + z / 2 near 0, to the last digits of float32."""
    layer = nn.S5(1, 4, step_min=1e-6, step_max=1e-5, dtype="float32", rng=0)
    held = pytensor.function([], layer.discrete()[1], mode=AS_WRITTEN)()
    Lambda = (layer.re.get_value() + 1j * layer.im.get_value()).astype("complex128")
    z = Lambda * np.exp(layer.tau.get_value().astype("float64"))
    assert_allclose(held[0] + 1j * held[1], (1 + z / 2 + z * z / 6) * z / Lambda, rtol=1e-6)


def test_s5_eigenvalues_stay_in_the_disk():
    layer = nn.S5(1, 2, dtype="float64", rng=0)
    layer.re.set_value(np.array([3.0, -0.1]))
    moduli = np.abs(np.diagonal(layer.matrices()[0]))
    assert (moduli < 1).all()
    eigenvalues = pytensor.function([], layer.discrete()[0], mode=AS_WRITTEN)()
    assert_allclose(np.hypot(*eigenvalues), moduli, rtol=1e-14)


@pytest.mark.parametrize("name", LAYERS)
def test_padding_does_not_reach_the_other_steps(name, rng):
    layer = LAYERS[name](2, 4, dtype="float64", rng=0)
    mask = np.ones((7, 2), bool)
    mask[2:4, 1] = False
    u = rng.standard_normal((7, 2, 2))
    whole = called(layer, u, pt.constant(mask))
    kept = np.concatenate([u[:2, 1:], u[4:, 1:]])
    assert_allclose(whole[[0, 1, 4, 5, 6], 1:], called(layer, kept), atol=1e-12)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("AUSSM", {"state_size": 0}, "AUSSM: state_size must be at least 1, got 0"),
        ("LinOSS", {"features": 0}, "LinOSS: features must be at least 1, got 0"),
        ("LinOSS", {"discretization": "euler"}, "discretization must be one of im, imex"),
        ("S5", {"blocks": 3}, "blocks must divide state_size 4, got 3"),
        ("S5", {"discretization": "im"}, "discretization must be one of zoh, bilinear"),
        ("S5", {"step_min": 0.2}, "expected 0 < step_min <= step_max, got 0.2 and 0.1"),
    ],
)
def test_layers_refuse(name, options, message):
    with pytest.raises(ValueError, match=message):
        LAYERS[name](**({"features": 2, "state_size": 4} | options), rng=0)


@pytest.mark.parametrize("name", LAYERS)
def test_layers_refuse_other_inputs(name):
    with pytest.raises(ValueError, match=rf"{name}: x must be \(T, B, 2\), got shape"):
        LAYERS[name](2, 4, rng=0)(pt.zeros((5, 3, 4)))


def test_models_refuse_and_say_which_matrices_they_have():
    with pytest.raises(ValueError, match="layers must be at least 1, got 0"):
        models.build("aussm", 2, 4, 3, layers=0, rng=0)
    with pytest.raises(ValueError, match="blocks must divide"):
        models.build("s5", 2, 4, 3, blocks=3, rng=0)
    assert models.build("aussm", 2, 4, 3, rng=0).recurrent_matrices() == []
    assert models.build("linoss", 2, 4, 3, layers=2, rng=0).recurrent_matrix().shape == (8, 8)
    assert len(models.build("s5", 2, 4, 3, layers=2, rng=0).recurrent_matrices()) == 2
    names = {p.name.rpartition("/")[2] for p in models.build("s5", 2, 4, 3).group("orthogonal")}
    assert names == {"re", "im", "tau", "B"}


def test_rms_norm(rng):
    x = rng.standard_normal((3, 4, 5))
    norm = nn.RMSNorm(5, dtype="float64")
    norm.gain.set_value(np.arange(5.0))
    found = norm(pt.constant(x)).eval(mode=AS_WRITTEN)
    scale = np.sqrt(np.square(x).mean(axis=-1, keepdims=True) + 1e-5)
    assert_allclose(found, np.arange(5) * x / scale, rtol=1e-12)
    with pytest.raises(ValueError, match=r"RMSNorm: x must be \(..., 5\)"):
        norm(pt.zeros((3, 4)))
    with pytest.raises(ValueError, match="features must be at least 1"):
        nn.RMSNorm(0)
    with pytest.raises(ValueError, match="epsilon must be positive"):
        nn.RMSNorm(2, epsilon=0)
