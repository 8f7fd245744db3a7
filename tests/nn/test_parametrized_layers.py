"""Dense and convolution with parametrized and complex weights, against NumPy's complex arithmetic."""

from functools import partial

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from backend_modes import THIRD_PARTY, the_mode
from oracles import AS_WRITTEN, complex_normal

from unitarygraph import check_gradient, manifolds
from unitarygraph.nn import Conv2D, Dense, initializers
from unitarygraph.parametrizations import Cayley, DynamicTrivialization, Exp, Householder
from unitarygraph.parametrizations.base import Parametrization
from unitarygraph.stacked import from_complex, to_complex

pytestmark = [
    pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS"),
    *(pytest.mark.filterwarnings(line) for line in THIRD_PARTY),
]
FIELDS = ("real", "complex")
FACTORIES = {"exp": Exp, "reflections": partial(Householder, reflections=2)}


def stored(z):
    return from_complex(z) if np.iscomplexobj(z) else z


def number(rng, field, *shape):
    return complex_normal(rng, *shape) if field == "complex" else rng.standard_normal(shape)


def orthonormal(W):
    """The smaller of the two Gram matrices, which should be I."""
    return W.conj().T @ W if W.shape[0] >= W.shape[1] else W @ W.conj().T


def tolerance(dtype):
    return {"rtol": 1e3 * np.finfo(dtype).eps, "atol": 1e3 * np.finfo(dtype).eps}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
@pytest.mark.parametrize(("field", "factory"), [("complex", "exp"), ("real", "reflections")])
def test_parametrized_dense(rng, field, factory, shape, dtype):
    layer = Dense(*shape, field=field, parametrization=FACTORIES[factory], rng=rng, dtype=dtype)
    assert layer.group("orthogonal") == layer.params[:-1]
    assert layer.params[-1] is layer.bias
    assert all(p.name.startswith("dense/") for p in layer.params)
    layer.bias.set_value(rng.standard_normal(layer.bias.get_value().shape).astype(dtype))
    W = layer.value()
    assert W.shape == shape
    np.testing.assert_allclose(orthonormal(W), np.eye(min(shape)), **tolerance(dtype))

    x = number(rng, field, 6, shape[0])
    symbol = pt.tensor(dtype=dtype, shape=stored(x).shape)
    y = layer(symbol)
    gradients = pt.grad(pt.sum(pt.sqr(y)), layer.params)
    got, *gradients = pytensor.function([symbol], [y, *gradients], mode=AS_WRITTEN)(
        stored(x).astype(dtype)
    )
    assert {got.dtype, *(g.dtype for g in gradients)} == {np.dtype(dtype)}
    bias = layer.bias.get_value()
    bias = bias if field == "real" else bias[0] + 1j * bias[1]
    np.testing.assert_allclose(got, stored(x @ W + bias), **tolerance(dtype))
    assert all(np.abs(g).max() > 1e-3 for g in gradients)


@pytest.mark.parametrize("lead", [(), (3,)])
def test_free_complex_dense_and_its_gradients(rng, lead):
    layer = Dense(3, 2, field="complex", init=initializers.complex_glorot, dtype="float64", rng=0)
    W, bias = complex_normal(rng, 3, 2), complex_normal(rng, 2)
    layer.weight.set_value(from_complex(W))
    layer.bias.set_value(np.stack([bias.real, bias.imag]))
    np.testing.assert_array_equal(layer.value(), W)
    x, weights = complex_normal(rng, *lead, 4, 3), complex_normal(rng, *lead, 4, 2)
    symbol = pt.tensor(dtype="float64", shape=from_complex(x).shape)
    y = layer(symbol)
    assert y.type.shape == (*lead, 2, 4, 2)
    wrt = [symbol, *layer.params]
    outputs = [y, *pt.grad(pt.sum(y * from_complex(weights)), wrt)]
    got, *slopes = pytensor.function([symbol], outputs, mode=AS_WRITTEN)(from_complex(x))
    np.testing.assert_allclose(to_complex(got), x @ W + bias)
    rows, seeds = x.reshape(-1, 3), weights.reshape(-1, 2)
    # dL/dRe + i dL/dIm of Re <weights, x W + b>
    np.testing.assert_allclose(to_complex(slopes[0]), weights @ W.conj().T)
    np.testing.assert_allclose(to_complex(slopes[1]), rows.conj().T @ seeds)
    np.testing.assert_allclose(slopes[2][0] + 1j * slopes[2][1], seeds.sum(0))


def numpy_convolution(layer, x):
    kernels = layer.value().reshape(-1, layer.inputs, layer.kernel, layer.kernel)
    padded = np.pad(x, ((0, 0), (0, 0), layer.padding, layer.padding))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernels.shape[2:], axis=(2, 3))
    windows = windows[:, :, :: layer.stride, :: layer.stride]
    return np.einsum("bchwij,ocij->bohw", windows, kernels)


@pytest.mark.parametrize(
    ("field", "parametrization", "outputs", "dtype"),
    [
        ("complex", None, 3, "float64"),
        ("complex", None, 3, "float32"),
        ("complex", Exp, 3, "float64"),
        ("complex", Exp, 9, "float32"),
        ("real", Cayley, 3, "float64"),
        ("real", Exp, 9, "float32"),
    ],
)
def test_convolution(rng, field, parametrization, outputs, dtype):
    layer = Conv2D(
        2,
        outputs,
        2,
        stride=2,
        padding=1,
        field=field,
        parametrization=parametrization,
        rng=rng,
        dtype=dtype,
        name="c",
    )
    W = layer.value()
    assert W.shape == (outputs, 8)
    if parametrization is not None:
        np.testing.assert_allclose(orthonormal(W), np.eye(min(W.shape)), **tolerance(dtype))
        assert layer.group("orthogonal") == layer.params
    x = number(rng, field, 2, 2, 4, 5)
    shape = stored(x).shape
    symbol = pt.tensor(dtype=dtype, shape=(None, *shape[1:]))
    y = layer(symbol)
    assert y.type.shape[1:] == ((outputs, 2) if field == "complex" else (outputs,)) + (3, 3)
    wrt = [symbol, *layer.params]
    expected = numpy_convolution(layer, x)
    seeds = number(rng, field, *expected.shape)
    slopes = pt.grad(pt.sum(y * stored(seeds).astype(dtype)), wrt)
    f = pytensor.function([symbol], [y, *slopes], mode=AS_WRITTEN)
    got, *slopes = f(stored(x).astype(dtype))
    assert {got.dtype, *(s.dtype for s in slopes)} == {np.dtype(dtype)}
    np.testing.assert_allclose(got, stored(expected), **tolerance(dtype))
    # The adjoint: <seeds, conv(x, v)> = <slope of x, v> for any v, and likewise in a free weight.
    v = number(rng, field, *x.shape)
    np.testing.assert_allclose(
        np.sum(stored(v) * slopes[0]),
        np.vdot(seeds, numpy_convolution(layer, v)).real,
        **tolerance(dtype),
    )
    if parametrization is None:
        v = complex_normal(rng, *W.shape)
        layer.weight.set_value(from_complex(v).astype(dtype))
        np.testing.assert_allclose(
            np.sum(from_complex(v) * slopes[1]),
            np.vdot(seeds, numpy_convolution(layer, x)).real,
            rtol=1e4 * np.finfo(dtype).eps,
        )


def test_gradient_through_a_parametrized_complex_convolution(rng):
    layer = Conv2D(
        1, 2, 2, padding=0, field="complex", parametrization=Cayley, dtype="float64", rng=0
    )
    y = layer(pt.constant(from_complex(complex_normal(rng, 1, 1, 3, 2))))
    assert check_gradient(pt.sum(pt.sin(y)), *layer.params)


def test_the_parametrizations_updates_and_penalty_are_the_layers():
    class Fined(Exp):
        def own_penalty(self):
            return pt.sum(pt.sqr(self.params[0]))

    layer = Dense(4, 2, parametrization=partial(DynamicTrivialization, K=1), name="d", rng=0)
    assert layer.buffers
    assert set(layer.post_updates()) >= {layer.parametrization.parametrization.base}
    before = layer.value()
    layer.group("orthogonal")[0].set_value(layer.group("orthogonal")[0].get_value() + 0.1)
    moved = layer.value()
    assert np.linalg.norm(moved - before) > 1e-2
    pytensor.function([], [], updates=layer.post_updates(), mode=AS_WRITTEN)()
    np.testing.assert_allclose(layer.value(), moved, atol=1e-12)
    assert not layer.group("orthogonal")[0].get_value().any()
    assert layer.penalty() is None
    assert Dense(3, 3, parametrization=Fined, rng=0).penalty().type.ndim == 0

    square = Exp(3, field="real", rng=0)
    assert isinstance(square, Parametrization)
    assert Dense(3, 3, parametrization=square).parametrization is square

    free = Dense(3, 2, rng=0)
    assert (free.group("orthogonal"), free.buffers, free.penalty(), free.post_updates()) == (
        [], [], None, {},
    )  # fmt: skip


def test_a_complex_convolution_on_a_manifold():
    layer = Conv2D(2, 3, 2, field="complex", manifold=manifolds.Oblique(), dtype="float64", rng=0)
    np.testing.assert_allclose(np.linalg.norm(layer.value(), axis=1), 1)
    assert layer.weight.manifold == manifolds.Oblique()


# JAX at its width of 64 bits computes sums of float32 in float64, and warns
@pytest.mark.parametrize("mode", ["JAX", pytest.param("PYTORCH", marks=pytest.mark.slow)])
def test_backends_agree(rng, mode):
    convolution = Conv2D(1, 2, 2, field="complex", parametrization=Cayley, dtype="float64", rng=0)
    dense = Dense(3, 2, field="complex", parametrization=Cayley, dtype="float64", rng=0)
    x = from_complex(complex_normal(rng, 2, 1, 4, 3))
    symbol = pt.tensor(dtype="float64", shape=x.shape)
    y = dense(convolution(symbol))
    outputs = [y, *pt.grad(pt.sum(pt.sqr(y)), [*convolution.params, *dense.params])]
    expected = pytensor.function([symbol], outputs, mode=AS_WRITTEN)(x)
    with the_mode(mode, stance="force_eager"):
        results = pytensor.function([symbol], outputs, mode=mode)(x)
    for got, right in zip(results, expected, strict=True):
        np.testing.assert_allclose(np.asarray(got), right, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(
    ("make", "shape", "message"),
    [
        (lambda: Dense(2, 3, field="octonion"), None, "field must be 'complex' or 'real'"),
        (lambda: Dense(2, 3, parametrization="exp"), None, "parametrization must be a class"),
        (lambda: Dense(2, 3, parametrization=Exp(2, field="real", rng=0)), None, "of n=3"),
        (
            lambda: Dense(2, 3, field="complex", rng=0),
            (2, 4, 3),
            r"x must be \(\.\.\., 2, B, 2\), got",
        ),
        (lambda: Dense(2, 3, field="complex", rng=0), (4, 2), r"got shape \(4, 2\)"),
        (lambda: Dense(2, 3, field="complex", rng=0), (3, 4, 2), r"got shape \(3, 4, 2\)"),
        (
            lambda: Conv2D(2, 3, 2, field="complex", rng=0),
            (1, 2, 4, 4),
            r"x must be \(B, 2, 2, H, W\)",
        ),
        (
            lambda: Conv2D(2, 3, 2, field="complex", rng=0),
            (1, 2, 3, 4, 4),
            r"got shape \(1, 2, 3, 4",
        ),
        (
            lambda: Conv2D(2, 3, 2, parametrization=Exp, manifold=manifolds.Oblique("real")),
            None,
            "Conv2D: give a parametrization or a manifold, got both",
        ),
    ],
)
def test_wrong_arguments_are_refused(make, shape, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()(pt.tensor(dtype=pytensor.config.floatX, shape=shape))
