"""Cells of asRNN and the delta rule beyond the battery of the lineage: what they can hold, errors."""

import numpy as np
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose
from oracles import AS_WRITTEN

from unitarygraph import nn
from unitarygraph.parametrizations import Exp


def exp(n, field="real"):
    return Exp(n, field=field, init="haar", rng=0, dtype="float64")


def test_asrnn_with_small_scales_is_linear_and_orthogonal(rng):
    """tanh(z F) F^{-1} is z + O(F^2): with D = 1e-6 a step is h W + x V to 1e-12."""
    cell = nn.ASRNNCell(exp(4), exp(4), 3, low=0.0, high=0.0, min_scale=1e-6, rng=1)
    x = rng.standard_normal((5, 2, 3))
    found = cell(pt.constant(x)).eval(mode=AS_WRITTEN)
    W, V, h = cell.matrix(), cell.input_weight.get_value(), np.zeros((2, 4))
    for x_t, state in zip(x, found, strict=True):
        h = h @ W + x_t @ V
        assert_allclose(state, h, rtol=0, atol=1e-9)


def test_asrnn_with_large_scales_saturates(rng):
    """|h F| <= 1 whatever is read: with D = 1e3 states end within a ball of radius 1e-3 sqrt(n)."""
    cell = nn.ASRNNCell(exp(4), exp(4), 3, low=0.0, high=0.0, min_scale=1e3, rng=1)
    found = cell(pt.constant(rng.standard_normal((5, 2, 3)))).eval(mode=AS_WRITTEN)
    assert np.linalg.norm(found, axis=-1).max() <= 1e-3 * 2 * (1 + 1e-12)


def by_hand(cell, k, v, beta):
    """Set the cell's constants and its weights of one feature: those of q, k, v and beta, J = 1."""
    K = cell.key_size
    weight, bias = np.zeros(cell.input_weight.type.shape), np.zeros(cell.bias.type.shape)
    bias[:K] = bias[K : 2 * K] = k
    bias[2 * K : -1] = v
    weight[0, -1], bias[-1] = 2 * beta, -beta
    cell.input_weight.set_value(weight)
    cell.bias.set_value(bias)


@pytest.mark.parametrize("negative", [False, True])
def test_a_reflection_holds_parity_and_no_other_step_does(negative, rng):
    """A one reflects about v, S <- 2 v - S, a zero does nothing; with beta <= 1 S stays at v."""
    cell = nn.DeltaCell(1, 2, key_size=3, negative=negative, dtype="float64", rng=0)
    # SiLU(30) is 30 to the last digit; logits of beta of 60 are 0 and its largest value
    by_hand(cell, [30.0, 0.0, 0.0], [0.5, -0.25], 60.0)
    bits = rng.integers(0, 2, 600)
    states = cell(pt.constant(bits[:, None, None].astype("float64"))).eval(mode=AS_WRITTEN)[:, 0]
    parity = bits.cumsum() % 2
    read = bits.cumsum() > 0
    expected = np.outer(2 * parity if negative else read, [0.5, -0.25])
    # keys are divided by the root of their squares' sum and 1e-6: each reflection is 1e-9 off one
    assert_allclose(states, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: nn.ASRNNCell(exp(4), exp(3), 2), "real and of one size, got .* sizes .4, 3."),
        (lambda: nn.ASRNNCell(exp(4, "complex"), exp(4), 2), "real and of one size"),
        (
            lambda: nn.ASRNNCell(exp(4), exp(4), 2, min_scale=0.0),
            "min_scale must be above 0, got 0",
        ),
        (lambda: nn.CGRNNCell(exp(4, "complex"), 2, activation="oplu"), "one of .*got 'oplu'"),
        (lambda: nn.DeltaCell(2, 6, heads=4), "heads must divide 6 units, got 4"),
        (lambda: nn.DeltaCell(2, 6, householders=0), "householders must be at least 1, got 0"),
        (lambda: nn.DeltaCell(2, 6, key_size=0), "key_size must be at least 1, got 0"),
    ],
)
def test_cells_refuse(build, message):
    with pytest.raises(ValueError, match=message):
        build()
