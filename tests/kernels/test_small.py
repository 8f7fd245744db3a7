"""Kernels for small matrices: lanes against NumPy, one matrix at a time, and who takes what."""

import itertools

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from unitarygraph.core.small import batch_of, kernel_of
from unitarygraph.ops.cayley import Cayley, CayleyDerivative, ShiftedSolve
from unitarygraph.stacked.algebra import algebra
from unitarygraph.stacked.ops import HConj, MatMul, Solve

pytestmark = pytest.mark.small_kernels


def adjoint(z):
    return np.swapaxes(z, -1, -2).conj()


def half_less(a):
    return np.eye(a.shape[-1]) - a / 2


# An Op, its inputs' shapes and NumPy's results.
CASES = {
    "hconj": (HConj, {}, ("mn",), lambda a: [adjoint(a)]),
    "matmul": (MatMul, {}, ("mk", "kn"), lambda a, b: [a @ b]),
    "matmul_left": (MatMul, {"left": True}, ("km", "kn"), lambda a, b: [adjoint(a) @ b]),
    "matmul_right": (MatMul, {"right": True}, ("mk", "nk"), lambda a, b: [a @ adjoint(b)]),
    "matmul_both": (
        MatMul,
        {"left": True, "right": True},
        ("km", "nk"),
        lambda a, b: [adjoint(a) @ adjoint(b)],
    ),
    "solve": (Solve, {}, ("nn", "nk"), lambda a, b: [np.linalg.solve(a, b)]),
    "shifted_solve": (
        ShiftedSolve,
        {},
        ("nn", "nk"),
        lambda a, b: [np.linalg.solve(half_less(a), b)],
    ),
    "cayley": (
        Cayley,
        {},
        ("nn",),
        lambda a: [
            np.linalg.solve(half_less(a), np.eye(a.shape[-1]) + a / 2),
            np.linalg.inv(half_less(a)),
        ],
    ),
    "derivative": (CayleyDerivative, {}, ("nn", "nn", "nn"), lambda a, v, e: [v @ e @ v]),
    "adjoint_derivative": (
        CayleyDerivative,
        {"adjoint": True},
        ("nn", "nn", "nn"),
        lambda a, v, e: [adjoint(v) @ e @ adjoint(v)],
    ),
}


def drawn(shapes, field, dtype, count, sizes, seed=0):
    """Stored batches of random matrices."""
    rng = np.random.default_rng(seed)
    planes = (2,) if field == "complex" else ()
    return [
        rng.standard_normal((count, *planes, *(sizes[letter] for letter in letters))).astype(dtype)
        for letters in shapes
    ]


def in_numpy(x, field):
    """Matrices in double precision."""
    return algebra(field).to_numpy(x.astype("float64"))


def cases_of_fields_and_dtypes():
    """All, of which those that differ in the width of a register alone are slow: each is compiled."""
    for name in CASES:
        for field, dtype in itertools.product(("complex", "real"), ("float64", "float32")):
            quick = (field, dtype) == ("complex", "float64") or (
                name in ("cayley", "solve") and (field, dtype) == ("real", "float32")
            )
            yield pytest.param(name, field, dtype, marks=[] if quick else [pytest.mark.slow])


@pytest.mark.parametrize(("name", "field", "dtype"), list(cases_of_fields_and_dtypes()))
def test_lanes_agree_with_numpy(name, field, dtype):
    """Full and partial blocks, sizes below and above a register's, one matrix."""
    make, properties, shapes, reference = CASES[name]
    op = make(field, **properties)
    for size, count in ((1, 3), (2, 17), (3, 16), (5, 9), (8, 33), (11, 1)):
        sizes = {"m": size, "n": size, "k": size + 1}
        inputs = drawn(shapes, field, dtype, count, sizes, seed=size)
        lengths, batch = batch_of(op, tuple(x.shape for x in inputs))[1], count
        results = reference(*(in_numpy(x, field) for x in inputs))
        outputs = [np.full(x.shape, 7, dtype) for x in map(algebra(field).from_numpy, results)]
        assert kernel_of(op, np.dtype(dtype))(inputs, outputs, batch, lengths)
        for got, want in zip(outputs, results, strict=True):
            scale = 1 + np.abs(want).max(axis=(-2, -1), keepdims=True)
            # Of random matrices, some are as good as singular.
            slack = scale**2 if "solve" in name or name == "cayley" else scale
            error = np.abs(in_numpy(got, field) - want)
            assert (error <= 200 * size * np.finfo(dtype).eps * slack**1.5).all()


@pytest.mark.parametrize("dtype", ["float64", pytest.param("float32", marks=pytest.mark.slow)])
@pytest.mark.parametrize("exponent", [-1, 0, 1])
def test_solutions_at_all_scales(dtype, exponent):
    """Powers of two change no digit: A up to the largest number, down to the smallest normal one."""
    info = np.finfo(dtype)
    a, b = drawn(("nn", "nk"), "complex", dtype, 9, {"n": 4, "k": 3})
    a = np.clip(a, -1.9, 1.9) / 2
    factor = {-1: info.tiny * 2.0**8, 0: 1.0, 1: 2.0 ** (info.maxexp - 1)}[exponent]
    op, kernel = Solve("complex"), kernel_of(Solve("complex"), np.dtype(dtype))
    plain, scaled = np.empty_like(b), np.empty_like(b)
    assert kernel([a, b], [plain], 9, (4, 3))
    large = (a * np.asarray(factor, dtype)).astype(dtype)
    right = b if exponent >= 0 else (b * np.asarray(factor, dtype)).astype(dtype)
    assert kernel([large, right], [scaled], 9, (4, 3))
    expected = plain if exponent <= 0 else (plain / np.asarray(factor, dtype)).astype(dtype)
    np.testing.assert_allclose(scaled, expected, rtol=50 * info.eps, atol=4 * info.tiny)
    assert np.isfinite(scaled).all()
    assert batch_of(op, (a.shape, b.shape)) == (9, (4, 3))


def test_each_lane_has_its_own_pivots():
    """Permutations, a different one in each lane, are solved exactly."""
    rng = np.random.default_rng(3)
    a = np.stack([np.eye(6)[rng.permutation(6)] for _ in range(19)])
    b = rng.standard_normal((19, 6, 2))
    x = np.empty_like(b)
    assert kernel_of(Solve("real"), a.dtype)([a, b], [x], 19, (6, 2))
    np.testing.assert_array_equal(x, np.swapaxes(a, 1, 2) @ b)
    shifted, w, v = 2 * (np.eye(6) - a), np.empty_like(a), np.empty_like(a)
    assert kernel_of(Cayley("real"), a.dtype)([shifted], [w, v], 19, (6,))
    np.testing.assert_array_equal(v, np.swapaxes(a, 1, 2))


@pytest.mark.parametrize("field", ["complex", "real"])
def test_singular_and_spoiled_matrices_give_nan_alone(field):
    a = drawn(("nn",), field, "float64", 20, {"n": 3})[0]
    singular, spoiled, infinite = 2, 11, 19
    a[singular] = algebra(field).from_numpy(2 * np.eye(3) + 0 * in_numpy(a[0], field))
    a[spoiled, ..., 1, 2], a[infinite, ..., 0, 0] = np.nan, -np.inf
    w, v = np.empty_like(a), np.empty_like(a)
    assert kernel_of(Cayley(field), a.dtype)([a], [w, v], 20, (3,))
    axes = tuple(range(1, a.ndim))
    bad = np.isin(np.arange(20), [singular, spoiled, infinite])
    for y in (w, v):
        np.testing.assert_array_equal(np.isnan(y).all(axis=axes), bad)
        np.testing.assert_array_equal(np.isnan(y).any(axis=axes), bad)


def test_large_empty_and_idle_batches_go_to_lapack():
    op = Cayley("real")
    assert batch_of(op, ((5, 33, 33),)) is None
    assert batch_of(op, ((5, 0, 0),)) is None
    assert batch_of(op, ((0, 3, 3),)) is None
    assert batch_of(Solve("real", "upper"), ((3, 3), (3, 1))) is None
    a = np.zeros((1, 32, 32))
    assert not kernel_of(op, a.dtype)([a], [a.copy(), a.copy()], 1, (32,))


@pytest.mark.parametrize("layout", ["transposed", "strided"])
def test_inputs_that_are_not_contiguous(layout):
    a = drawn(("nn",), "real", "float64", 6, {"n": 4})[0]
    x = np.swapaxes(a, 1, 2) if layout == "transposed" else np.repeat(a, 2, axis=0)[::2]
    assert not x.flags.c_contiguous
    op = Cayley("real")
    outputs, expected = [np.empty_like(a), np.empty_like(a)], [np.empty_like(a), np.empty_like(a)]
    op.fill([x], outputs)
    op.fill([x.copy()], expected)
    for got, want in zip(outputs, expected, strict=True):
        np.testing.assert_array_equal(got, want)


def test_threads_divide_a_batch_and_change_nothing(monkeypatch):
    from unitarygraph.kernels.small import driver

    op, calls = Solve("real"), []
    kernel = kernel_of(op, np.dtype("float64"))
    a, b = drawn(("nn", "nk"), "real", "float64", 40, {"n": 8, "k": 8})
    alone, divided = np.empty_like(b), np.empty_like(b)
    assert kernel([a, b], [alone], 40, (8, 8))
    monkeypatch.setattr(driver, "LEAST_WORK", 1)
    monkeypatch.setattr(driver, "row_blocks", lambda rows, work: [(0, 13), (13, 40)])
    monkeypatch.setattr(
        driver, "run_in_threads", lambda run, blocks: calls.append(list(map(run, blocks)))
    )
    assert kernel([a, b], [divided], 40, (8, 8))
    assert len(calls[0]) == 2
    np.testing.assert_array_equal(alone, divided)


def test_compiled_graphs_call_the_kernel_once_it_is_there(monkeypatch):
    """The first call comes back into Python, later ones do not; matrices beyond the border do."""
    calls = []
    fill = Cayley.fill
    monkeypatch.setattr(Cayley, "fill", lambda self, *x: (calls.append(x), fill(self, *x))[1])
    A = pt.tensor("A", shape=(None, None, None), dtype="float64")
    f = pytensor.function([A], Cayley("real")(A)[0], mode="NUMBA")
    small, large = np.zeros((3, 4, 4)), np.zeros((2, 40, 40))
    np.testing.assert_array_equal(f(small), np.broadcast_to(np.eye(4), (3, 4, 4)))
    first = len(calls)
    for _ in range(3):
        np.testing.assert_array_equal(f(small), np.broadcast_to(np.eye(4), (3, 4, 4)))
    assert len(calls) == first
    np.testing.assert_array_equal(f(large), np.broadcast_to(np.eye(40), (2, 40, 40)))
    assert len(calls) == first + 1
