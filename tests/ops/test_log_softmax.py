"""`log_softmax` against SciPy and finite differences."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from oracles import AS_WRITTEN
from pytensor.gradient import pushforward, verify_grad
from scipy.special import log_softmax as reference

from unitarygraph.ops.log_softmax import log_softmax


def evaluate(x, mode=AS_WRITTEN):
    v = pt.tensor("x", dtype=x.dtype, shape=(None,) * x.ndim)
    return pytensor.function([v], log_softmax(v), mode=mode)(x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(5,), (4, 3, 9), (2, 0), (0, 4), (3, 1)], ids=str)
def test_scipy(shape, dtype):
    x = (5 * np.random.default_rng(0).normal(size=shape)).astype(dtype)
    got = evaluate(x)
    assert got.dtype == dtype
    np.testing.assert_allclose(got, reference(x, axis=-1) if x.size else x, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_compiled_with_a_gradient():
    x = np.random.default_rng(1).normal(size=(6, 4, 3))[:, ::2]
    v = pt.tensor("x", dtype="float64", shape=(None, None, 3))
    outputs = [log_softmax(v), pt.grad(pt.sum(log_softmax(v)[..., 0] ** 2), v)]
    fast, slow = (pytensor.function([v], outputs, mode=m)(x) for m in ("NUMBA", "FAST_COMPILE"))
    for got, want in zip(fast, slow, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-13)


def test_large_entries_and_nan():
    got = evaluate(np.array([[1e300, 0.0], [np.nan, 0.0], [-1e300, -1e300]]))
    np.testing.assert_array_equal(got[0], [0, -1e300])
    assert np.isnan(got[1]).all()
    np.testing.assert_allclose(got[2], -np.log([2, 2]))


def test_derivatives():
    rng = np.random.default_rng(2)
    given, weights = [rng.normal(size=(3, 4))], rng.normal(size=(3, 4))

    def gradient(x):
        return pt.grad(pt.sum(weights * pt.sqr(log_softmax(x))), x)

    for f in (log_softmax, gradient):
        verify_grad(f, given, rng=rng, mode=AS_WRITTEN, no_debug_ref=False)


@pytest.mark.parametrize("direct", [False, True], ids=["double pullback", "pushforward"])
def test_tangents_forward(direct):
    rng = np.random.default_rng(3)
    x, u = rng.normal(size=(2, 3)), rng.normal(size=(2, 3))
    v, d = pt.matrix("x", dtype="float64"), pt.matrix("u", dtype="float64")
    value = log_softmax(v)
    outputs = [value, pt.grad(pt.sum(pt.sqr(value)), v)]
    dots = [pushforward(y, v, d, use_op_pushforward=direct) for y in outputs]
    f = pytensor.function([v, d], [*outputs, *dots], mode=AS_WRITTEN, on_unused_input="ignore")
    up, down = f(x + 1e-6 * u, u), f(x - 1e-6 * u, u)
    for k, dot in enumerate(f(x, u)[2:]):
        np.testing.assert_allclose(dot, (up[k] - down[k]) / 2e-6, rtol=1e-6, atol=1e-8)


def test_other_dtypes_are_refused():
    with pytest.raises(TypeError, match="log_softmax: x must be float32 or float64"):
        log_softmax(pt.ivector("x"))
