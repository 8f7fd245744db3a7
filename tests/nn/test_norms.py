"""Layer normalization and complex batch normalization against NumPy, SciPy and finite differences."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import scipy.linalg
from oracles import AS_WRITTEN, complex_normal
from pytensor.gradient import verify_grad

from unitarygraph.nn import ComplexBatchNorm, LayerNorm
from unitarygraph.nn.whitening import inverse_root
from unitarygraph.stacked import from_complex, to_complex

pytestmark = pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS")
DTYPES = ("float32", "float64")


def close(dtype, steps=1e3):
    return {"rtol": steps * np.finfo(dtype).eps, "atol": steps * np.finfo(dtype).eps}


def matrices(rows):
    """Symmetric 2 x 2 matrices of rows rr, ri, ii."""
    rr, ri, ii = rows
    return [np.array([[a, b], [b, c]]) for a, b, c in zip(rr, ri, ii, strict=True)]


def disturbed(layer, rng):
    """The layer with parameters that hide no forgotten factor or term."""
    for p in layer.params:
        p.set_value(p.get_value() + rng.uniform(0.5, 1, p.get_value().shape).astype(p.dtype))
    return layer


def skewed(rng, *shape):
    """Complex numbers whose parts have unequal variances and a covariance, around 3 - 1j."""
    z = complex_normal(rng, *shape)
    return 3 - 1j + 2 * z.real + 0.7j * z.imag + 0.5j * z.real


def vectors(z):
    return np.stack([z.real, z.imag])


def whitened(z, mean, V, epsilon=1e-4):
    """(V + epsilon I)^(-1/2) (z - mean) for a row of numbers z."""
    root = np.linalg.inv(scipy.linalg.sqrtm(V + epsilon * np.eye(2)))
    x, y = root @ vectors(z - mean)
    return x + 1j * y


def turned(matrix, z):
    x, y = matrix @ vectors(z)
    return x + 1j * y


def own_statistics(z):
    return z.mean(), np.cov(vectors(z), bias=True)


def rows_of(entries):
    return tuple(entries[i] for i in range(3))


def test_inverse_root_is_scipys_and_finite_where_rounding_breaks_the_matrix(rng):
    spread = rng.standard_normal((6, 2, 5)) * 10.0 ** rng.integers(-2, 3, (6, 2, 1))
    given = np.array([np.cov(a) for a in spread])
    entries = pt.dmatrix()
    f = pytensor.function([entries], inverse_root(rows_of(entries), 1e-3), mode=AS_WRITTEN)
    got = f(np.array([given[:, 0, 0], given[:, 0, 1], given[:, 1, 1]]))
    for ours, V in zip(matrices(got), given, strict=True):
        root = np.linalg.inv(scipy.linalg.sqrtm(V + 1e-3 * np.eye(2)))
        np.testing.assert_allclose(ours, root, rtol=1e-9, atol=1e-9 * np.abs(root).max())

    # Numbers on a line: V is singular, and rr ii - ri^2 negative by rounding for some of them.
    single = pt.fmatrix()
    roots = inverse_root(rows_of(single), 1e-4)
    slopes = pt.grad(sum(pt.sum(r) for r in roots), single)
    g = pytensor.function([single], [*roots, slopes], mode=AS_WRITTEN)
    size = (100 * rng.standard_normal(50)).astype("float32")
    other = (100 * rng.standard_normal(50)).astype("float32")
    assert ((size**2) * (other**2) < (size * other) ** 2).any()
    singular = np.array([size**2, size * other, other**2])
    assert all(
        np.isfinite(result).all() for result in g(np.hstack([singular, np.zeros((3, 1), "f")]))
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(4, 6), (2, 3, 6)])
def test_real_layer_norm_is_numpys(rng, shape, dtype):
    layer = disturbed(LayerNorm(6, dtype=dtype), rng)
    x = (3 + 2 * rng.standard_normal(shape)).astype(dtype)
    symbol = pt.tensor(dtype=dtype, shape=shape)
    y = layer(symbol)
    assert (y.type.shape, y.type.dtype) == (shape, dtype)
    gain, bias = (p.get_value() for p in layer.params)
    expected = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    got = pytensor.function([symbol], y, mode=AS_WRITTEN)(x)
    np.testing.assert_allclose(got, gain * expected + bias, **close(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 6), (2, 3, 6)])
def test_complex_layer_norm_whitens_each_row(rng, shape, dtype):
    fresh = LayerNorm(6, "complex", epsilon=1e-15, dtype=dtype)
    layer = disturbed(LayerNorm(6, "complex", dtype=dtype), rng)
    z = to_complex(from_complex(skewed(rng, *shape)).astype(dtype))
    symbol = pt.tensor(dtype=dtype, shape=(*shape[:-2], 2, *shape[-2:]))
    results = [fresh(symbol), layer(symbol)]
    assert all(y.type == symbol.type for y in results)
    f = pytensor.function([symbol], results, mode=AS_WRITTEN)
    white, got = (to_complex(y).reshape(-1, 6) for y in f(from_complex(z)))

    gain, bias = layer.gain.get_value(), layer.bias.get_value()
    for row, ours, plain in zip(z.reshape(-1, 6), got, white, strict=True):
        np.testing.assert_allclose(plain.mean(), 0, **close(dtype))
        np.testing.assert_allclose(np.cov(vectors(plain), bias=True), np.eye(2) / 2, **close(dtype))
        expected = whitened(row, *own_statistics(row))
        expected = [turned(G, w) for G, w in zip(matrices(gain), expected, strict=True)]
        np.testing.assert_allclose(ours, expected + bias[0] + 1j * bias[1], **close(dtype))


def on_rows(z):
    """Numbers of each feature as rows, (F, N)."""
    return z.T if z.ndim == 2 else z.transpose(1, 0, 2, 3).reshape(z.shape[1], -1)


@pytest.mark.parametrize(
    ("dtype", "static"), [("float32", True), ("float64", True), ("float64", False)]
)
@pytest.mark.parametrize("shape", [(7, 3), (4, 3, 2, 5)])
def test_complex_batch_norm_and_its_running_statistics(rng, shape, dtype, static):
    layer = disturbed(ComplexBatchNorm(3, momentum=0.25, dtype=dtype), rng)
    fresh = ComplexBatchNorm(3, epsilon=1e-15, dtype=dtype)
    given = [to_complex(from_complex(skewed(rng, *shape)).astype(dtype)) for _ in range(2)]
    stored = from_complex(given[0]).shape
    symbol = pt.tensor(dtype=dtype, shape=stored if static else (None,) * len(stored))
    y, updates = layer(symbol)
    results = [y, fresh(symbol)[0], layer(symbol, training=False)[0]]
    assert not static or all(y.type == symbol.type for y in results)
    f = pytensor.function([symbol], results, updates=updates, mode=AS_WRITTEN)

    Gamma, (re, im) = matrices(layer.gain.get_value()), layer.bias.get_value()
    means, covariances = np.zeros(3, complex), [np.eye(2) / np.sqrt(2)] * 3
    for z in given:
        old = means, covariances
        got = f(from_complex(z))
        assert {y.dtype.name for y in got} == {dtype}
        ours, white, kept = (on_rows(to_complex(y)) for y in got)
        means, covariances = np.zeros(3, complex), []
        for k, row in enumerate(on_rows(z)):
            mean, V = own_statistics(row)
            bias = re[k] + 1j * im[k]
            expected = turned(Gamma[k], whitened(row, mean, V)) + bias
            np.testing.assert_allclose(ours[k], expected, **close(dtype))
            np.testing.assert_allclose(
                np.cov(vectors(white[k]), bias=True), np.eye(2) / 2, **close(dtype)
            )
            expected = turned(Gamma[k], whitened(row, old[0][k], old[1][k])) + bias
            np.testing.assert_allclose(kept[k], expected, **close(dtype))
            means[k] = 0.75 * old[0][k] + 0.25 * mean
            covariances.append(0.75 * old[1][k] + 0.25 * np.cov(vectors(row)))
        np.testing.assert_allclose(
            to_complex(layer.mean.get_value()[:, None])[0], means, **close(dtype)
        )
        for ours, V in zip(matrices(layer.covariance.get_value()), covariances, strict=True):
            np.testing.assert_allclose(ours, V, **close(dtype))


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: LayerNorm(5, dtype="float64"), (3, 5)),
        (lambda: LayerNorm(5, "complex", dtype="float64"), (2, 3, 5)),
        (lambda: ComplexBatchNorm(2, dtype="float64"), (2, 5, 2)),
        (lambda: ComplexBatchNorm(2, dtype="float64"), (2, 2, 2, 2, 2)),
    ],
    ids=["layer", "complex layer", "complex batch", "images"],
)
def test_gradients_by_finite_differences(rng, make, shape):
    layer = disturbed(make(), rng)

    def f(x, gain, bias):
        kept = layer.gain, layer.bias
        layer.gain, layer.bias = gain, bias
        try:
            y = layer(x)
            return y[0] if isinstance(y, tuple) else y
        finally:
            layer.gain, layer.bias = kept

    given = [rng.standard_normal(shape), *(p.get_value() for p in layer.params)]
    verify_grad(f, given, rng=rng, mode=AS_WRITTEN, no_debug_ref=False, rel_tol=1e-5, abs_tol=1e-5)


def test_names_and_starting_values():
    layer = LayerNorm(2, "complex", name="n")
    assert [p.name for p in layer.params] == ["n/gain", "n/bias"]
    norm = ComplexBatchNorm(2, name="n")
    assert [v.name for v in norm.buffers] == ["n/mean", "n/covariance"]
    for start in (layer.gain, norm.gain, norm.covariance):
        np.testing.assert_allclose(start.get_value(), [[0.5**0.5] * 2, [0] * 2, [0.5**0.5] * 2])


@pytest.mark.parametrize(
    ("make", "shape", "message"),
    [
        (lambda: LayerNorm(0), None, "LayerNorm: features must be at least 1, got 0"),
        (lambda: LayerNorm(2, "quaternion"), None, "field must be 'complex' or 'real'"),
        (lambda: LayerNorm(2, epsilon=0), None, "epsilon must be positive, got 0"),
        (lambda: LayerNorm(2), (4, 3), r"x must be \(\.\.\., 2\), got shape \(4, 3\)"),
        (lambda: LayerNorm(2, "complex"), (4, 2), r"x must be \(\.\.\., 2, B, 2\), got"),
        (lambda: LayerNorm(2, "complex"), (3, 4, 2), r"got shape \(3, 4, 2\)"),
        (lambda: ComplexBatchNorm(0), None, "features must be at least 1, got 0"),
        (lambda: ComplexBatchNorm(2, momentum=2), None, r"momentum must be in \(0, 1\], got 2"),
        (lambda: ComplexBatchNorm(2, epsilon=-1), None, "epsilon must be positive, got -1"),
        (lambda: ComplexBatchNorm(2), (2, 4, 3), r"x must be \(2, B, 2\) or .*got shape"),
        (lambda: ComplexBatchNorm(2), (3, 4, 2), "x must be"),
        (lambda: ComplexBatchNorm(2), (4, 2), "x must be"),
        (lambda: ComplexBatchNorm(2), (4, 2, 3, 5, 5), "x must be"),
        (lambda: ComplexBatchNorm(2), (2, 1, 2), "more than one number a feature"),
    ],
)
def test_wrong_numbers_and_shapes_are_refused(make, shape, message):
    with pytest.raises(ValueError, match=message):
        make()(pt.tensor(dtype=pytensor.config.floatX, shape=shape))
