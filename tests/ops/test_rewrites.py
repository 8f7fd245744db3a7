"""What the graph knows of skew-Hermitian and unitary matrices, and what it does with it."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from oracles import REWRITTEN, complex_normal
from pytensor.compile.mode import get_mode

import unitarygraph as ug
from unitarygraph import stacked
from unitarygraph.core.layout import plain
from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.ops.expm.path import ExpmPath
from unitarygraph.ops.expm.skew import ExpmSkew, SkewFrechet
from unitarygraph.stacked.algebra import algebra
from unitarygraph.stacked.ops import MatMul

X = stacked.matrix("x", (4, 4), "float64")
Y = stacked.matrix("y", (4, 4), "float64")
R = pt.matrix("r", shape=(4, 4), dtype="float64")
TALL = stacked.matrix("t", (5, 3), "float64")


def matrix_ops(inputs, outputs, mode="FAST_COMPILE"):
    """Types of the matrix Ops that a compiled function runs."""
    f = pytensor.function(inputs, outputs, mode=mode)
    return [type(n.op) for n in f.maker.fgraph.toposort() if isinstance(n.op, MatrixOp)]


SKEW = {
    "part": (X, stacked.skew_hermitian(X), "complex"),
    "difference": (X, X - stacked.hconj(X), "complex"),
    "sum with the negative": (X, X + (-stacked.hconj(X)), "complex"),
    "real multiple": (X, 0.3 * (X - stacked.hconj(X)), "complex"),
    "multiple by a variable": (X, X.sum() * stacked.skew_hermitian(X), "complex"),
    "quotient": (X, stacked.skew_hermitian(X) / 3.0, "complex"),
    "negative": (X, -stacked.skew_hermitian(X), "complex"),
    "sum": (X, stacked.skew_hermitian(X) + stacked.skew_hermitian(X + X), "complex"),
    "adjoint": (X, stacked.hconj(stacked.skew_hermitian(X)), "complex"),
    "coordinates": (X, ug.skew_from_upper(X, field="complex"), "complex"),
    "logarithm": (X, ug.logm(X, field="complex"), "complex"),
    "real difference": (R, R - R.T, "real"),
    "real coordinates": (R, ug.skew_from_upper(R, field="real"), "real"),
}
NOT_SKEW = {
    "any": (X, X, "complex"),
    "plain transpose": (X, X - X.mT, "complex"),
    "hermitian": (X, stacked.hermitian(X), "complex"),
    "complex multiple": (
        X,
        stacked.mul(stacked.eye(4, "float64"), stacked.skew_hermitian(X)),
        "complex",
    ),
    "product by a matrix": (X, X * stacked.skew_hermitian(X), "complex"),
    "quotient of it": (X, 1 / (2 + stacked.skew_hermitian(X)), "complex"),
    "other's adjoint": (X, X - stacked.hconj(2 * X), "complex"),
}


@pytest.mark.parametrize("mode", ["FAST_COMPILE", REWRITTEN], ids=["few", "all"])
@pytest.mark.parametrize("name", SKEW)
def test_exponential_of_skew_takes_eigenvalues_once(name, mode):
    x, a, field = SKEW[name]
    u = plain(ug.expm(a, field=field))
    ops = matrix_ops([x], [u, pt.grad((u * u).sum() + u.sum(), x)], mode)
    assert ops.count(ExpmSkew) == 1
    assert ops.count(SkewFrechet) == 1
    assert ExpmPath not in ops


@pytest.mark.parametrize("name", NOT_SKEW)
def test_other_matrices_keep_the_general_exponential(name):
    x, a, field = NOT_SKEW[name]
    ops = matrix_ops([x], ug.expm(a, field=field))
    assert ExpmPath in ops
    assert ExpmSkew not in ops


def test_the_caller_can_forbid_it():
    assert ExpmPath in matrix_ops(
        [X], ug.expm(stacked.skew_hermitian(X), skew_hermitian=False, field="complex")
    )


def test_both_paths_give_one_value_and_gradient(rng):
    inputs = [stacked.from_complex(complex_normal(rng, 4, 4)) for _ in range(2)]
    results = []
    for choice in (None, False):
        u = ug.expm(stacked.skew_hermitian(X), skew_hermitian=choice, field="complex")
        f = pytensor.function([X, Y], [u, pt.grad((u.stacked * Y).sum(), X)], mode="FAST_COMPILE")
        results.append(f(*inputs))
    for left, right in zip(*results, strict=True):
        np.testing.assert_allclose(left, right, atol=1e-13)


def test_hconj_of_hconj_is_gone():
    assert matrix_ops([X], stacked.hconj(stacked.hconj(X))) == []


UNITARY = {
    "expm": ug.expm(stacked.skew_hermitian(X), field="complex"),
    "expm by eigenvalues": ug.expm(stacked.skew_hermitian(X), skew_hermitian=True, field="complex"),
    "cayley": ug.cayley(stacked.skew_hermitian(X), field="complex"),
    "qr": ug.qr(X, field="complex")[0],
    "polar": ug.polar(X, field="complex")[0],
    "product": stacked.matmul(ug.qr(X, field="complex")[0], ug.polar(X, field="complex")[0]),
    "adjoint": stacked.hconj(ug.qr(X, field="complex")[0]),
    "polished": ug.newton_schulz(ug.qr(X, field="complex")[0], field="complex"),
}
NOT_UNITARY = {
    "any": X,
    "expm": ug.expm(X, field="complex"),
    "cayley": ug.cayley(X, field="complex"),
    "R": ug.qr(X, field="complex")[1],
    "P": ug.polar(X, field="complex")[1],
    "sum": ug.qr(X, field="complex")[0] + ug.polar(X, field="complex")[0],
}


@pytest.mark.parametrize("name", UNITARY)
def test_product_of_a_unitary_and_its_adjoint_is_the_identity(name, rng):
    u = UNITARY[name]
    for product in (
        stacked.matmul(stacked.hconj(u), u),
        stacked.matmul(u, stacked.hconj(u)),
    ):
        assert matrix_ops([X], product) == []
        f = pytensor.function([X], product, mode="FAST_COMPILE", on_unused_input="ignore")
        np.testing.assert_array_equal(f(np.zeros((2, 4, 4))), stacked.from_complex(np.eye(4) + 0j))
        kept = get_mode("FAST_COMPILE").excluding("unitarygraph")
        assert matrix_ops([X], product, kept) != []


@pytest.mark.parametrize("name", NOT_UNITARY)
def test_other_products_stay(name):
    u = NOT_UNITARY[name]
    assert matrix_ops([X], stacked.matmul(stacked.hconj(u), u)) != []


def test_tall_matrices_are_not_called_unitary():
    q, _ = ug.qr(TALL, field="complex")
    assert matrix_ops([TALL], stacked.matmul(q, stacked.hconj(q))) != []


def test_batches_of_identities_have_the_batch_shape(rng):
    x = pt.tensor("x", dtype="float64", shape=(None, 2, 3, 3))
    u, _ = ug.qr(x, field="complex")
    f = pytensor.function([x], stacked.matmul(stacked.hconj(u), u), mode="FAST_COMPILE")
    assert not any(isinstance(n.op, MatrixOp) for n in f.maker.fgraph.apply_nodes)
    assert f(np.zeros((7, 2, 3, 3))).shape == (7, 2, 3, 3)


def test_real_orthogonal_matrices_use_pytensors_own_key(rng):
    q = ug.expm(ug.skew_from_upper(R, field="real"), field="real")
    f = pytensor.function([R], pt.linalg.inv(q), mode=REWRITTEN)
    assert not any("inv" in str(n.op).lower() for n in f.maker.fgraph.apply_nodes)
    r = rng.standard_normal((4, 4))
    value = pytensor.function([R], q, mode="FAST_COMPILE")(r)
    np.testing.assert_allclose(f(r), value.T, atol=1e-14)


@pytest.mark.parametrize("field", ["complex", "real"])
@pytest.mark.parametrize("sides", [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("n", [4, 40])
def test_products_take_transposes_upon_themselves(sides, field, n, rng):
    """Below and above the size at which SciPy's BLAS takes over; batches too."""
    matrices = algebra(field)
    shape = (None, *matrices.storage_shape((None, None)))
    a, b = (pt.tensor(name, dtype="float64", shape=shape) for name in "ab")
    factors = [matrices.hconj(x) if side else x for x, side in zip((a, b), sides, strict=True)]
    f = pytensor.function([a, b], matrices.matmul(*factors), mode=REWRITTEN)
    assert [n.op for n in f.maker.fgraph.apply_nodes if isinstance(n.op, MatrixOp)] == [
        MatMul(field, *sides)
    ]
    given = complex_normal(rng, 2, n, n + 1), complex_normal(rng, 2, n + 1, n + 2)
    given = [z if field == "complex" else z.real for z in given]
    x, y = (
        np.swapaxes(z.conj(), -1, -2) if side else z for z, side in zip(given, sides, strict=True)
    )
    expected = given[0] @ given[1]
    value = f(matrices.from_numpy(x), matrices.from_numpy(y))
    np.testing.assert_allclose(value, matrices.from_numpy(expected), atol=1e-12)
