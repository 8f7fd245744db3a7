"""What is particular to each decomposition; the laws of all Ops are in test_ops.py."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import scipy.linalg
from oracles import AS_WRITTEN, complex_normal, tolerance

import unitarygraph as ug
from unitarygraph import stacked
from unitarygraph.core import lapack
from unitarygraph.core.layout import plain
from unitarygraph.stacked.algebra import algebra

DTYPES = ["float32", "float64"]


def apply(function, z, dtype="float64", field="complex"):
    """Values of a function of one stored tensor at a NumPy matrix, as stored."""
    x = pt.tensor("x", dtype=dtype, shape=algebra(field).storage_shape(np.shape(z)))
    y = function(ug.as_complex(x) if field == "complex" else x)
    outputs = list(map(plain, y)) if isinstance(y, tuple) else plain(y)
    compiled = pytensor.function([x], outputs, mode=AS_WRITTEN)
    return compiled(algebra(field).from_numpy(z).astype(dtype))


def defect(u):
    """Largest entry of U^H U - I."""
    return np.abs(u.conj().T @ u - np.eye(u.shape[1])).max()


def skew(z):
    return (z - z.conj().T) / 2


@pytest.mark.parametrize("dtype", DTYPES)
def test_factors_are_unitary_to_rounding(dtype, rng):
    z, bound = complex_normal(rng, 96, 64), tolerance(dtype, 2)
    q, r = map(stacked.to_complex, apply(ug.qr, z, dtype))
    u, p = map(stacked.to_complex, apply(ug.polar, z, dtype))
    _, v = apply(ug.eigh, p.astype(complex), dtype)
    w = stacked.to_complex(apply(ug.cayley, skew(z[:64]), dtype))
    for factor in (q, u, stacked.to_complex(v), w):
        assert defect(factor) < bound
    assert np.linalg.norm(q @ r - z) < bound * np.linalg.norm(z)
    assert np.linalg.norm(u @ p - z) < bound * np.linalg.norm(z)
    np.testing.assert_array_equal(p, p.conj().T)
    np.testing.assert_array_equal(np.diagonal(r).imag, 0)
    assert (np.diagonal(r).real > 0).all()
    np.testing.assert_array_equal(np.tril(r, -1), 0)


@pytest.mark.parametrize("name", ["logm", "eigh", "polar", "qr", "cayley"])
def test_float32_graphs_hold_no_float64(name, rng):
    x = stacked.matrix("x", (3, 3), "float32")
    y = getattr(ug, name)(x, field="complex")
    y = plain(y[0] if isinstance(y, tuple) else y)
    first = pt.grad(pt.sqr(y).sum(), x)
    second = pt.grad((first * x).sum(), x)
    f = pytensor.function([x], [y, first, second], mode=AS_WRITTEN)
    types = {out.type.dtype for node in f.maker.fgraph.toposort() for out in node.outputs}
    assert "float64" not in types


def hessian_form(function, z, rng):
    """Second derivative of a weighted sum of the function's entries, for two directions, twice."""
    x = stacked.matrix("x", z.shape, "float64")
    y = plain(function(x))
    gradient = pt.grad((pt.as_tensor(rng.standard_normal(y.type.shape)) * y).sum(), x)
    u, v = (pt.as_tensor(rng.standard_normal((2, *z.shape))) for _ in range(2))
    return pytensor.function(
        [x],
        [(pt.grad((gradient * a).sum(), x) * b).sum() for a, b in ((u, v), (v, u))],
        mode=AS_WRITTEN,
    )(stacked.from_complex(z))


@pytest.mark.parametrize(
    ("name", "output"),
    [(name, i) for name in ("qr", "polar", "eigh") for i in (0, 1)] + [("logm", 0), ("cayley", 0)],
)
def test_second_derivatives_are_symmetric(name, output, rng):
    z = complex_normal(rng, 5, 3) if name in ("qr", "polar") else complex_normal(rng, 4, 4)
    z = (
        z + z.conj().T
        if name == "eigh"
        else scipy.linalg.expm(skew(z) / 3)
        if name == "logm"
        else z
    )

    def function(x):
        y = getattr(ug, name)(x, field="complex")
        return y[output] if isinstance(y, tuple) else y

    there, back = hessian_form(function, z, rng)
    np.testing.assert_allclose(there, back, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("step", [1e-6, 1e-10])
def test_qr_of_a_small_step_from_a_unitary_matrix(step, rng):
    """The case of a retraction: each column moves by the step and none is turned round."""
    u = scipy.linalg.expm(skew(complex_normal(rng, 16, 16)))
    e = complex_normal(rng, 16, 16)
    q = stacked.to_complex(apply(ug.qr, u + step * e)[0])
    assert np.linalg.norm(q - u) < 2 * step * np.linalg.norm(e)


def test_gauge_of_eigenvectors_with_entries_of_equal_size():
    w, v = apply(ug.eigh, np.array([[0, 1j], [-1j, 0]]))
    np.testing.assert_allclose(w, [-1, 1], atol=1e-15)
    expected = np.array([[1, 1], [1j, -1j]]) / np.sqrt(2)
    np.testing.assert_allclose(stacked.to_complex(v), expected, atol=1e-15)


@pytest.mark.parametrize("field", ["complex", "real"])
def test_eigenvalues_have_gradients_where_they_coincide_and_vectors_none(field):
    def gradients(x):
        x = plain(x)
        w, v = map(plain, ug.eigh(x, field))
        weights = pt.as_tensor([1.0, 2.0, 3.0])
        tilt = pt.as_tensor(np.arange(1.0, 4.0))[:, None]
        return pt.grad((w * weights).sum(), x), pt.grad((v * tilt).sum(), x)

    of_values, of_vectors = apply(gradients, np.eye(3), field=field)
    np.testing.assert_allclose(
        algebra(field).to_numpy(of_values), np.diag([1.0, 2.0, 3.0]), atol=1e-15
    )
    assert not np.isfinite(of_vectors).all()


@pytest.mark.parametrize(
    "w", [[1, 1, 1, 1 + 1e-9, -2, -2], [np.pi - 1e-7, 1e-7 - np.pi, 0, 0, 1e-12, 3]]
)
def test_logm_with_clustered_eigenvalues(w, rng):
    q, _ = np.linalg.qr(complex_normal(rng, 6, 6))
    u = (q * np.exp(1j * np.array(w))) @ q.conj().T
    x = stacked.to_complex(apply(ug.logm, u))
    np.testing.assert_array_equal(x, -x.conj().T)
    np.testing.assert_allclose(scipy.linalg.expm(x), u, atol=1e-13)
    np.testing.assert_allclose(x, (q * (1j * np.array(w))) @ q.conj().T, atol=1e-7)


@pytest.mark.parametrize("gap", [1e-6, 1e-10, 1e-13])
def test_logm_of_real_rotations_by_nearly_a_half_turn(gap):
    t = np.pi - gap
    turn = np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
    expected = [[0, -t], [t, 0]]
    np.testing.assert_allclose(
        apply(lambda x: ug.logm(x, "real"), turn, field="real"), expected, atol=1e-14
    )


@pytest.mark.parametrize("scale", [2.0, 1.5, 1.005, -2.0, 0.0])
def test_logm_refuses_multiples_of_unitary_matrices(scale, rng):
    """Twice a unitary matrix is the one case that a Newton-Schulz step sends to a unitary matrix."""
    u = scipy.linalg.expm(skew(complex_normal(rng, 3, 3)))
    with pytest.raises(ValueError, match="U must be unitary"):
        apply(ug.logm, scale * u)


def test_logm_at_minus_one_in_the_complex_field():
    x = stacked.to_complex(apply(ug.logm, np.diag([-1.0, 1j])))
    np.testing.assert_allclose(np.abs(x), np.diag([np.pi, np.pi / 2]), atol=1e-15)
    with pytest.raises(ValueError, match="eigenvalue -1"):
        apply(lambda r: ug.logm(r, "real"), np.diag([-1.0, 1.0]), field="real")


def test_cayley_at_a_singular_matrix_is_nan():
    assert np.isnan(apply(ug.cayley, 2 * np.eye(2))).all()


def test_rank_deficient_polar_has_a_value(rng):
    z = np.outer(complex_normal(rng, 4), complex_normal(rng, 3))
    u, p = map(stacked.to_complex, apply(ug.polar, z))
    assert defect(u) < 1e-13
    np.testing.assert_allclose(u @ p, z, atol=1e-13)


NEAR = {"tangent step": 0.3, "long tangent step": 30.0, "scaled": 0.3}


@pytest.mark.parametrize("kind", NEAR)
@pytest.mark.parametrize("shape", [(1, 1), (5, 5), (40, 40), (40, 7)])
@pytest.mark.parametrize("field", ["complex", "real"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_factors_through_the_gram_matrix(kind, shape, field, dtype, rng):
    """Steps from orthonormal columns go another way than the rest, to the same factors."""
    z = complex_normal(rng, shape[0], shape[0])
    z = z if field == "complex" else z.real
    turn = NEAR[kind] * skew(z) / np.linalg.norm(z, 2)
    a = np.linalg.qr(z)[0][:, : shape[1]]
    a = (a + turn @ a) * (1e10 if kind == "scaled" else 1)
    name = np.result_type(dtype, "complex64").name if field == "complex" else dtype
    found = lapack.cholesky_qr(a.astype(name))
    assert found is None or np.linalg.cond(a) ** 2 < lapack.WELL["qr"]
    assert found is not None or kind == "long tangent step"
    load, scale = algebra(field).to_numpy, np.abs(a).max()
    q, r = (load(x) for x in apply(lambda x: ug.qr(x, field), a, dtype, field))
    u, p = (load(x) for x in apply(lambda x: ug.polar(x, field), a, dtype, field))
    eps = 40 * shape[0] * np.finfo(dtype).eps
    assert max(defect(q), defect(u)) < eps
    np.testing.assert_allclose(q @ r, a, atol=eps * scale)
    np.testing.assert_allclose(u @ p, a, atol=eps * scale)
    np.testing.assert_allclose(u, scipy.linalg.polar(a)[0], atol=eps)
    np.testing.assert_array_equal(r, np.triu(r))
    assert (np.diagonal(r).real > 0).all()


@pytest.mark.parametrize("field", ["complex", "real"])
def test_newton_schulz_of_what_stays_on_the_manifold_has_the_same_gradient(field, rng):
    x, g = (rng.normal(size=algebra(field).storage_shape((4, 4))) for _ in range(2))

    def gradient(a, on_manifold):
        u = ug.expm(algebra(field).skew_hermitian(a), field=field)
        return pt.grad((plain(ug.newton_schulz(u, field, on_manifold)) * g).sum(), a)

    a = pt.tensor("a", dtype="float64", shape=x.shape)
    f = pytensor.function([a], [gradient(a, False), gradient(a, True)], mode=AS_WRITTEN)
    np.testing.assert_allclose(*f(x), atol=1e-13)
