"""The stacked algebra against NumPy's complex arithmetic, and its gradients by differences."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as hst
from oracles import AS_WRITTEN, complex_normal, evaluate, gradcheck, tolerance

from unitarygraph import stacked
from unitarygraph.stacked.algebra import algebra

DTYPES = ["float32", "float64"]


@pytest.fixture
def abc(rng):
    """A (3, 4), B (4, 2), C (3, 4) as complex matrices, both planes alive."""
    return complex_normal(rng, 3, 4), complex_normal(rng, 4, 2), complex_normal(rng, 3, 4)


# name -> (stacked function, NumPy function, shapes of the arguments)
FUNCTIONS = {
    "real": (stacked.real, np.real, [(3, 4)]),
    "imag": (stacked.imag, np.imag, [(3, 4)]),
    "conj": (stacked.conj, np.conj, [(3, 4)]),
    "hconj": (stacked.hconj, lambda a: np.swapaxes(a.conj(), -1, -2), [(3, 4)]),
    "matmul": (stacked.matmul, np.matmul, [(3, 4), (4, 2)]),
    "mul": (stacked.mul, np.multiply, [(3, 4), (3, 4)]),
    "abs": (stacked.abs, np.abs, [(3, 4)]),
    "angle": (stacked.angle, np.angle, [(3, 4)]),
    "trace": (stacked.trace, lambda a: np.trace(a, axis1=-2, axis2=-1), [(4, 4)]),
    "inner": (
        stacked.inner,
        lambda a, b: (a.conj() * b).sum(axis=(-2, -1)).real,
        [(3, 4), (3, 4)],
    ),
    "norm": (stacked.norm, lambda a: np.linalg.norm(a, axis=(-2, -1)), [(3, 4)]),
    "solve": (stacked.solve, np.linalg.solve, [(3, 3), (3, 2)]),
    "skew_hermitian": (
        stacked.skew_hermitian,
        lambda a: (a - np.swapaxes(a.conj(), -1, -2)) / 2,
        [(4, 4)],
    ),
    "hermitian": (
        stacked.hermitian,
        lambda a: (a + np.swapaxes(a.conj(), -1, -2)) / 2,
        [(4, 4)],
    ),
    "rows": (
        lambda a, b: stacked.concatenate([a, b], axis=-2),
        lambda a, b: np.concatenate([a, b], axis=-2),
        [(3, 4), (2, 4)],
    ),
    "columns": (
        lambda a, b: stacked.concatenate([a, b], axis=1),
        lambda a, b: np.concatenate([a, b], axis=-1),
        [(3, 4), (3, 2)],
    ),
    "block": (
        lambda a, b, c, d: stacked.block([[a, b], [c, d]]),
        lambda a, b, c, d: np.concatenate(
            [np.concatenate([a, b], -1), np.concatenate([c, d], -1)], -2
        ),
        [(3, 4), (3, 2), (1, 4), (1, 2)],
    ),
}


def as_numpy(value, like):
    """A stacked result as NumPy would give it."""
    if np.iscomplexobj(like):
        return stacked.to_complex(value)
    return value


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch", [(), (2, 3)], ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_agrees_with_numpy(name, batch, dtype, rng):
    function, reference, shapes = FUNCTIONS[name]
    arrays = [
        complex_normal(rng, *batch, *shape).astype(f"c{2 * int(dtype[5:]) // 8}")
        for shape in shapes
    ]
    expected = reference(*arrays)
    result = evaluate(function(*map(stacked.from_complex, arrays)))
    assert result.dtype == dtype
    got = as_numpy(result, expected)
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance(dtype, 16))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradient_by_differences(name, rng):
    function, _, shapes = FUNCTIONS[name]
    gradcheck(function, [complex_normal(rng, *shape) for shape in shapes], rng)


@pytest.mark.parametrize("name", ["matmul", "solve", "hconj"])
def test_second_derivative_by_differences(name, rng):
    function, _, shapes = FUNCTIONS[name]
    gradcheck(function, [complex_normal(rng, *shape) for shape in shapes], rng, order=2)


def test_adjoint_identity_of_the_product(abc):
    a, b, c = (stacked.from_complex(z) for z in abc)
    left = evaluate(stacked.inner(c, stacked.matmul(a, stacked.matmul(b, stacked.hconj(b)))))
    moved = stacked.matmul(stacked.hconj(a), c)
    right = evaluate(stacked.inner(moved, stacked.matmul(b, stacked.hconj(b))))
    np.testing.assert_allclose(left, right, rtol=1e-13)


def test_batches_broadcast_and_gradients_sum_over_them(rng):
    a, b = complex_normal(rng, 3, 4), complex_normal(rng, 5, 1, 4, 2)
    c = complex_normal(rng, 6, 3, 4)
    x, y, z = (stacked.from_complex(w) for w in (a, b, c))
    result = evaluate(stacked.matmul(stacked.matmul(z, stacked.hconj(x)), stacked.matmul(x, y)))
    np.testing.assert_allclose(
        stacked.to_complex(result), (c @ a.conj().T) @ (a @ b), rtol=1e-12, atol=1e-12
    )
    gradcheck(stacked.matmul, [a, complex_normal(rng, 2, 4, 2)], rng)


def test_eye_is_neutral(rng):
    a = stacked.from_complex(complex_normal(rng, 3, 3))
    for product in (
        stacked.matmul(stacked.eye(3, "float64"), a),
        stacked.matmul(a, stacked.eye(3, "float64")),
    ):
        np.testing.assert_array_equal(evaluate(product), a)
    assert stacked.eye(3, dtype="float32").type.shape == (2, 3, 3)
    n = pt.iscalar()
    f = pytensor.function([n], stacked.eye(n, "float64"), mode=AS_WRITTEN)
    np.testing.assert_array_equal(stacked.to_complex(f(4)), np.eye(4))


complex_arrays = hnp.arrays(
    np.complex128,
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
    elements=hst.complex_numbers(allow_nan=True, allow_infinity=True),
)


@given(complex_arrays)
@settings(deadline=None, max_examples=200)
def test_conversion_is_an_exact_round_trip(z):
    back = stacked.to_complex(stacked.from_complex(z))
    assert back.dtype == z.dtype
    np.testing.assert_array_equal(back.real, z.real)
    np.testing.assert_array_equal(back.imag, z.imag)


@given(hnp.arrays(np.float32, (3, 2, 4, 5), elements=hst.floats(width=32)))
@settings(deadline=None, max_examples=50)
def test_stacked_round_trip(a):
    back = stacked.from_complex(stacked.to_complex(a))
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, a)


@given(
    hnp.arrays(np.complex128, (3, 2), elements=hst.complex_numbers(max_magnitude=1e3)),
    hnp.arrays(np.complex128, (3, 2), elements=hst.complex_numbers(max_magnitude=1e3)),
)
@settings(deadline=None, max_examples=25)
def test_mul_is_commutative_and_conj_multiplicative(x, y):
    a, b = stacked.from_complex(x), stacked.from_complex(y)
    xy = evaluate(stacked.mul(a, b))
    np.testing.assert_allclose(stacked.to_complex(xy), x * y, rtol=1e-13, atol=1e-12)
    np.testing.assert_array_equal(xy, evaluate(stacked.mul(b, a)))
    np.testing.assert_array_equal(
        evaluate(stacked.conj(xy)), evaluate(stacked.mul(stacked.conj(a), stacked.conj(b)))
    )


@pytest.mark.parametrize("function", [stacked.abs, stacked.norm])
def test_modulus_is_safe_at_zero_and_for_any_magnitude(function):
    x = stacked.matrix("x", (1, 1), "float64")
    y = function(x).sum()
    f = pytensor.function([x], [y, pt.grad(y, x)], mode=AS_WRITTEN)
    for size in (0.0, 1e-300, 1e300):
        value, gradient = f(np.array([[[3 * size]], [[4 * size]]]))
        np.testing.assert_allclose(value, 5 * size, rtol=1e-14)
        np.testing.assert_allclose(gradient.ravel(), [0.6, 0.8] if size else [0, 0], rtol=1e-14)
    assert np.isnan(f(np.full((2, 1, 1), np.nan))[0])


def test_static_shapes_are_kept():
    a = stacked.matrix("a", (3, None), "float32")
    b = stacked.matrix("b", (7, 4, 5), "float32")
    assert a.type.shape == (2, 3, None)
    assert stacked.hconj(b).type.shape == (7, 2, 5, 4)
    assert stacked.matmul(a, b).type.shape == (7, 2, 3, 5)
    assert stacked.conj(b).type.shape == b.type.shape
    assert stacked.abs(b).type.shape == (7, 4, 5)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: stacked.matmul(np.zeros((2, 3, 4)), np.zeros((2, 3, 4))), ValueError, "matmul: B"),
        (
            lambda: stacked.hconj(np.zeros((3, 4, 4))),
            ValueError,
            r"hconj: A .*got shape \(3, 4, 4\)",
        ),
        (lambda: stacked.hconj(np.zeros((3, 3), complex)), TypeError, "from_complex"),
        (
            lambda: stacked.matmul(np.zeros((2, 3, 3)), np.zeros((2, 3, 3), "f4")),
            TypeError,
            "dtype",
        ),
        (lambda: stacked.abs(np.zeros((2, 3), int)), TypeError, "int64"),
        (lambda: stacked.concatenate([np.zeros((2, 3, 3))], axis=2), ValueError, "axis"),
        (lambda: stacked.solve(np.zeros((2, 3, 4)), np.zeros((2, 3, 1))), ValueError, "solve: A"),
        (lambda: stacked.to_complex(np.zeros((3, 3, 3))), ValueError, "to_complex"),
        (lambda: stacked.from_complex(np.zeros(3, int)), TypeError, "int64"),
        (lambda: stacked.matrix("x", (3,)), ValueError, "shape"),
        (lambda: stacked.matrix("x", (3, 3), "int64"), TypeError, "int64"),
        (lambda: stacked.eye(3, "int64"), TypeError, "int64"),
        (lambda: stacked.trace(np.zeros((2, 3, 4))), ValueError, "trace: expected square"),
        (lambda: stacked.matmul(np.zeros((2, 3, 3))), ValueError, "two or more"),
        (lambda: algebra("quaternion"), ValueError, "quaternion"),
    ],
)
def test_errors_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("mode", ["FAST_COMPILE", "NUMBA"])
def test_wrong_shapes_at_run_time(mode):
    x, y = stacked.matrix("x", dtype="float64"), stacked.matrix("y", dtype="float64")
    f = pytensor.function([x, y], stacked.matmul(x, y), mode=mode)
    with pytest.raises(ValueError, match="matmul: B must be"):
        f(np.zeros((2, 3, 4)), np.zeros((2, 3, 4)))


def test_singular_solve_is_nan():
    a = np.zeros((2, 3, 3))
    assert np.isnan(evaluate(stacked.solve(a, np.ones((2, 3, 1))))).all()
