"""Layers against NumPy and PyTorch: values, gradients, statistics, refusals."""

from contextlib import nullcontext

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from backend_modes import THIRD_PARTY, the_mode
from oracles import AS_WRITTEN

from unitarygraph import models
from unitarygraph.nn import BatchNorm, ComplexBatchNorm, Conv2D, Dense
from unitarygraph.parametrizations import Exp

# pip's PyTensor has no BLAS for its C code, which gradients use in FAST_COMPILE mode, and says so
pytestmark = [
    pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS"),
    *(pytest.mark.filterwarnings(line) for line in THIRD_PARTY),
]

DTYPES = ("float32", "float64")
#: kernel, stride, padding, image size
CONVOLUTIONS = [(3, 1, "same", 5), (3, 2, "same", 6), (1, 2, "valid", 5), (2, 1, "same", 4),
                (3, 2, 2, 4), (3, 1, "valid", 3)]  # fmt: skip


def tolerance(dtype):
    return {"rtol": 1e3 * np.finfo(dtype).eps, "atol": 1e3 * np.finfo(dtype).eps}


def values_and_gradients(layer, x, weights, mode=AS_WRITTEN, static=True):
    """The layer's values at x and the gradients of their product with weights."""
    shape = x.shape if static else (None, *x.shape[1:])
    symbol = pt.tensor("x", dtype=x.dtype.name, shape=shape)
    y = layer(symbol)
    y = y[0] if isinstance(y, tuple) else y
    wrt = [symbol, *layer.params]
    gradients = pytensor.grad(pt.sum(y * weights), wrt)
    f = pytensor.function([symbol], [y, *gradients], mode=mode)
    results = f(x)
    results = [np.asarray(r) for r in results]
    assert {r.dtype for r in results} == {x.dtype}
    return results


def torch_convolution(layer, x, weights):
    torch = pytest.importorskip("torch")
    kernels = layer.weight.get_value().reshape(-1, layer.inputs, layer.kernel, layer.kernel)
    image, w = torch.tensor(x, requires_grad=True), torch.tensor(kernels, requires_grad=True)
    before, after = layer.padding
    padded = torch.nn.functional.pad(image, (before, after, before, after))
    y = torch.nn.functional.conv2d(padded, w, stride=layer.stride)
    (y * torch.tensor(weights)).sum().backward()
    return y.detach().numpy(), image.grad.numpy(), w.grad.numpy().reshape(layer.weight.type.shape)


def numpy_convolution(layer, x):
    kernels = layer.weight.get_value().reshape(-1, layer.inputs, layer.kernel, layer.kernel)
    padded = np.pad(x, ((0, 0), (0, 0), layer.padding, layer.padding))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernels.shape[2:], axis=(2, 3))
    windows = windows[:, :, :: layer.stride, :: layer.stride]
    return np.einsum("bchwij,ocij->bohw", windows, kernels)


@pytest.mark.parametrize(("kernel", "stride", "padding", "size"), CONVOLUTIONS)
def test_convolution_is_numpys_and_pytorchs(rng, kernel, stride, padding, size):
    layer = Conv2D(2, 3, kernel, stride=stride, padding=padding, rng=rng, dtype="float64")
    x = rng.standard_normal((2, 2, size, size + 1))
    expected = numpy_convolution(layer, x)
    weights = rng.standard_normal(expected.shape)
    results = values_and_gradients(layer, x, weights)
    np.testing.assert_allclose(results[0], expected, **tolerance("float64"))
    for ours, torchs in zip(results, torch_convolution(layer, x, weights), strict=True):
        np.testing.assert_allclose(ours, torchs, **tolerance("float64"))


@pytest.mark.parametrize("static", [True, False])
def test_convolution_in_float32_and_for_unknown_batches(rng, static):
    layer = Conv2D(2, 3, 3, stride=2, rng=rng, dtype="float32")
    x = rng.standard_normal((2, 2, 5, 5)).astype("float32")
    expected = numpy_convolution(layer, x)
    results = values_and_gradients(layer, x, np.ones_like(expected), static=static)
    np.testing.assert_allclose(results[0], expected, **tolerance("float32"))


def batch_norm_in_numpy(layer, x, epsilon=1e-5):
    along = (0,) if x.ndim == 2 else (0, 2, 3)
    shape = [1, -1, *[1] * (x.ndim - 2)]
    mean, variance = x.mean(along), x.var(along)
    gain, bias = (p.get_value().reshape(shape) for p in layer.params)
    scaled = (x - mean.reshape(shape)) / np.sqrt(variance.reshape(shape) + epsilon)
    return gain * scaled + bias, mean, x.var(along, ddof=1)


def disturbed(layer, rng):
    """The layer with parameters that hide no forgotten factor or term."""
    for p in layer.params:
        p.set_value(p.get_value() + rng.uniform(0.5, 1, p.get_value().shape).astype(p.dtype))
    return layer


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(6, 3), (2, 3, 2, 4)])
@pytest.mark.parametrize("static", [True, False])
def test_batch_norm_in_training_and_its_running_statistics(rng, shape, dtype, static):
    layer = disturbed(BatchNorm(3, momentum=0.25, dtype=dtype), rng)
    given = (3 + 2 * rng.standard_normal((2, *shape))).astype(dtype)
    x = pt.tensor("x", dtype=dtype, shape=shape if static else (None,) * len(shape))
    y, updates = layer(x)
    f = pytensor.function([x], y, updates=updates, mode=AS_WRITTEN)
    mean, variance = np.zeros(3), np.ones(3)
    for batch in given:
        expected, batch_mean, batch_variance = batch_norm_in_numpy(layer, batch)
        got = f(batch)
        assert got.dtype == dtype
        np.testing.assert_allclose(got, expected, **tolerance(dtype))
        mean = 0.75 * mean + 0.25 * batch_mean
        variance = 0.75 * variance + 0.25 * batch_variance
    np.testing.assert_allclose(layer.mean.get_value(), mean, **tolerance(dtype))
    np.testing.assert_allclose(layer.variance.get_value(), variance, **tolerance(dtype))

    y, updates = layer(x, training=False)
    g = pytensor.function([x], y, mode=AS_WRITTEN)
    assert updates == {}  # inference leaves them alone
    wide = [1, -1, *[1] * (len(shape) - 2)]
    gain, bias = (p.get_value().reshape(wide) for p in layer.params)
    scaled = (given[0] - mean.reshape(wide)) / np.sqrt(variance.reshape(wide) + 1e-5)
    np.testing.assert_allclose(g(given[0]), gain * scaled + bias, **tolerance(dtype))


@pytest.mark.parametrize("make", [BatchNorm, ComplexBatchNorm])
def test_a_second_call_of_a_norm_leaves_the_updates_of_the_first(rng, make):
    layer = make(3, momentum=0.25, dtype="float64")
    shape = (6, 3) if make is BatchNorm else (2, 6, 3)
    first, second = rng.standard_normal((2, *shape)) + np.array([[1], [2]]).reshape(
        2, *[1] * len(shape)
    )
    (_, alone), (_, other) = layer(pt.constant(first)), layer(pt.constant(second))
    _, both = layer(pt.constant(second), earlier=alone)
    assert set(alone) == set(other) == set(both) == set(layer.buffers)
    values = [updates[layer.mean].eval() for updates in (alone, other, both)]
    mean_1, mean_2 = (batch.mean(axis=-2) for batch in (first, second))
    expected = 0.25 * mean_1, 0.25 * mean_2, 0.75 * 0.25 * mean_1 + 0.25 * mean_2
    for ours, numpys in zip(values, expected, strict=True):
        np.testing.assert_allclose(ours, numpys, **tolerance("float64"))


@pytest.mark.parametrize("shape", [(6, 3), (2, 3, 2, 4)])
def test_gradients_of_batch_norm_are_pytorchs(rng, shape):
    torch = pytest.importorskip("torch")
    layer = disturbed(BatchNorm(3, dtype="float64"), rng)
    x, weights = rng.standard_normal((2, *shape))
    leaves = [
        torch.tensor(v, requires_grad=True) for v in (x, *(p.get_value() for p in layer.params))
    ]
    y = torch.nn.functional.batch_norm(leaves[0], None, None, *leaves[1:], training=True)
    (y * torch.tensor(weights)).sum().backward()
    expected = [y.detach().numpy(), *(leaf.grad.numpy() for leaf in leaves)]
    for ours, torchs in zip(values_and_gradients(layer, x, weights), expected, strict=True):
        np.testing.assert_allclose(ours, torchs, **tolerance("float64"))


def test_layers_and_cells_of_one_shape_are_no_twins_by_default():
    for make in (
        lambda **given: Dense(3, 2, **given).value(),
        lambda **given: Exp(3, **given).value(),
        lambda **given: models.build("urnn", 2, 3, 2, **given).params[0].get_value(),
    ):
        assert not np.array_equal(make(), make())
        assert np.array_equal(make(rng=4), make(rng=4))


@pytest.mark.parametrize("dtype", DTYPES)
def test_dense_and_its_gradients(rng, dtype):
    layer = disturbed(Dense(3, 2, rng=1, dtype=dtype), rng)
    x, weights = (
        rng.standard_normal((4, 3)).astype(dtype),
        rng.standard_normal((4, 2)).astype(dtype),
    )
    w, b = (p.get_value() for p in layer.params)
    expected = x @ w + b, weights @ w.T, x.T @ weights, weights.sum(0)
    for ours, numpys in zip(values_and_gradients(layer, x, weights), expected, strict=True):
        np.testing.assert_allclose(ours, numpys, **tolerance(dtype))


def test_names_and_seeds():
    layer = Conv2D(1, 2, 3, rng=1, name="stem")
    assert [p.name for p in layer.params] == ["stem/weight"]
    assert layer.weight.type.shape == (2, 9)
    assert np.array_equal(layer.weight.get_value(), Conv2D(1, 2, 3, rng=1).weight.get_value())
    norm = BatchNorm(2, name="n")
    names = [v.name for v in (*norm.params, *norm.buffers)]
    assert names == ["n/gain", "n/bias", "n/mean", "n/variance"]
    assert [p.name for p in Dense(1, 1, name="last", rng=0).params] == ["last/weight", "last/bias"]


@pytest.mark.parametrize(
    ("make", "shape", "message"),
    [
        (lambda: Conv2D(2, 3, 0), None, "kernel must be at least 1, got 0"),
        (lambda: Conv2D(2, 3, 3, padding="full"), None, "padding must be 'same', .*got 'full'"),
        (lambda: Conv2D(2, 3, 3, padding=-1), None, "padding must be .*got -1"),
        (
            lambda: Conv2D(2, 3, 3, rng=0),
            (1, 3, 4, 4),
            r"x must be \(B, 2, H, W\).*got shape \(1, 3,",
        ),
        (lambda: Conv2D(2, 3, 3, rng=0), (1, 2, None, 4), "static H and W"),
        (lambda: Conv2D(2, 3, 5, padding=0, rng=0), (1, 2, 4, 6), "smaller than the kernel"),
        (lambda: BatchNorm(0), None, "features must be at least 1, got 0"),
        (lambda: BatchNorm(2, momentum=0), None, r"momentum must be in \(0, 1\], got 0"),
        (lambda: BatchNorm(2, epsilon=0), None, "epsilon must be positive, got 0"),
        (lambda: BatchNorm(2), (4, 3), r"x must be \(B, 2\) or .*got shape \(4, 3\)"),
        (lambda: BatchNorm(2), (4, 2, 3), "got shape"),
        (lambda: BatchNorm(2), (1, 2), "more than one number a feature"),
        (lambda: Dense(0, 2), None, "input_size must be at least 1, got 0"),
        (lambda: Dense(3, 2, rng=0), (4, 2), r"x must be \(\.\.\., 3\), got shape \(4, 2\)"),
    ],
)
def test_wrong_numbers_and_shapes_are_refused(make, shape, message):
    with pytest.raises(ValueError, match=message):
        make()(pt.tensor("x", dtype=pytensor.config.floatX, shape=shape))


class Unit:
    """Convolution, batch norm and average, then a dense layer."""

    def __init__(self, rng, dtype):
        self.convolution = Conv2D(2, 3, 3, stride=2, rng=rng, dtype=dtype)
        self.norm = disturbed(BatchNorm(3, dtype=dtype), rng)
        self.dense = Dense(3, 2, rng=rng, dtype=dtype)
        self.params = [*self.convolution.params, *self.norm.params, *self.dense.params]

    def __call__(self, x):
        return self.dense(pt.sqr(self.norm(self.convolution(x))[0]).mean(axis=(2, 3)))


@pytest.mark.parametrize(
    ("mode", "dtype"),
    [
        pytest.param("NUMBA", "float32", marks=pytest.mark.slow),
        # JAX at its width of 64 bits computes sums of float32 in float64, and warns
        ("JAX", "float64"),
        ("PYTORCH", "float32"),
    ],
)
def test_layers_and_their_gradients_in_all_modes(rng, mode, dtype):
    unit = Unit(rng, dtype)
    x = rng.standard_normal((3, 2, 4, 4)).astype(dtype)
    weights = rng.standard_normal((3, 2)).astype(dtype)
    expected = values_and_gradients(unit, x, weights)
    with the_mode(mode, stance="force_eager") if mode != "NUMBA" else nullcontext(mode) as name:
        results = values_and_gradients(unit, x, weights, mode=name)
    for got, right in zip(results, expected, strict=True):
        np.testing.assert_allclose(got, right, rtol=1e-3, atol=1e-4)
