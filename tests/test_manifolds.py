"""One suite of laws over a table of manifolds; a new manifold is tested by adding its row."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import scipy.linalg
from numpy.testing import assert_allclose

from unitarygraph.checks import check_retraction
from unitarygraph.checks.tangency import LIMIT, tangency
from unitarygraph.manifolds import Euclidean, Manifold, Stiefel, Unitary
from unitarygraph.manifolds.base import evaluate

MANIFOLDS = [
    (Unitary(), (5, 5)),
    (Unitary("real"), (5, 5)),
    (Unitary(), (1, 1)),
    (Unitary("real"), (1, 1)),
    (Stiefel(), (6, 3)),
    (Stiefel("real"), (5, 3)),
    (Stiefel(), (5, 1)),
    (Stiefel("real"), (4, 4)),
    (Euclidean(), (4, 3)),
    (Euclidean("real"), (4, 3)),
]
GROUPS = [row for row in MANIFOLDS if isinstance(row[0], Unitary)]
WITH_LOG = [row for row in MANIFOLDS if not isinstance(row[0], Stiefel)]
DTYPES = ("float64", "float32")


def table(rows):
    return pytest.mark.parametrize(
        ("manifold", "shape"), rows, ids=[f"{m}-{s[0]}x{s[1]}" for m, s in rows]
    )


def tol(dtype, shape, factor=50):
    return float(factor * np.finfo(dtype).eps * max(shape))


def ambient(manifold, shape, rng, dtype="float64"):
    return manifold.store(manifold.normal_matrices(shape, rng), dtype)


def point_and_tangents(manifold, shape, rng, dtype="float64", count=2):
    x = manifold.random_point(shape, rng, dtype)
    return x, *(manifold.random_tangent(x, rng) for _ in range(count))


def hermitian_part(manifold, x, u):
    """Of X^H U, by NumPy: zero for a tangent of a manifold of orthonormal columns."""
    z, w = manifold.load(x), manifold.load(u)
    m = np.conj(np.swapaxes(z, -1, -2)) @ w
    return (m + np.conj(np.swapaxes(m, -1, -2))) / 2


@pytest.fixture
def rng():
    return np.random.default_rng(20)


@table(MANIFOLDS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_projection_is_idempotent_self_adjoint_and_tangent(manifold, shape, dtype, rng):
    x, u = point_and_tangents(manifold, shape, rng, dtype, count=1)
    g, h = ambient(manifold, shape, rng, dtype), ambient(manifold, shape, rng, dtype)
    pg, ph = evaluate(manifold.proj(x, g)), evaluate(manifold.proj(x, h))
    close = {"rtol": 0, "atol": tol(dtype, shape)}
    assert pg.dtype == dtype
    assert_allclose(evaluate(manifold.proj(x, pg)), pg, **close)
    inner = lambda a, b: evaluate(manifold.inner(x, a, b))  # noqa: E731
    assert_allclose(inner(pg, h), inner(g, ph), rtol=0, atol=10 * tol(dtype, shape))
    assert_allclose(inner(g, u), inner(pg, u), rtol=0, atol=10 * tol(dtype, shape))
    assert tangency(manifold, x, pg) < LIMIT
    if not isinstance(manifold, Euclidean):
        assert_allclose(hermitian_part(manifold, x, pg), 0, **close)
        assert np.linalg.norm(pg - g) > 0.1


@table([row for row in MANIFOLDS if row[0].dim(row[1])])
def test_projection_has_the_rank_that_dim_says(manifold, shape, rng):
    x = manifold.random_point(shape, rng, "float64")
    vector = pt.tensor("g", dtype="float64", shape=x.shape)
    project = pytensor.function([vector], manifold.proj(x, vector), mode="FAST_COMPILE")
    columns = [project(e.reshape(x.shape)).ravel() for e in np.eye(x.size)]
    assert np.linalg.matrix_rank(np.array(columns), tol=1e-9) == manifold.dim(shape)


@table(MANIFOLDS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_retractions_have_their_declared_order(manifold, shape, dtype):
    result = check_retraction(manifold, shape, dtype=dtype, rng=3)
    assert set(result.kinds) == set(manifold.retractions)
    assert result, str(result)


def test_the_measured_orders_tell_first_from_second():
    orders = {kind: m.order for kind, m in check_retraction(Unitary(), (5, 5)).kinds.items()}
    assert orders["qr"] == pytest.approx(1, abs=0.1)
    assert orders["polar"] == pytest.approx(2, abs=0.1)
    assert orders["cayley"] == pytest.approx(2, abs=0.1)
    tall = {kind: m.order for kind, m in check_retraction(Stiefel(), (6, 3)).kinds.items()}
    assert tall["cayley"] == pytest.approx(1, abs=0.1)
    assert tall["exp"] == pytest.approx(2, abs=0.1)


@table(MANIFOLDS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_retractions_stay_on_the_manifold_for_any_step_and_keep_the_dtype(
    manifold, shape, dtype, rng
):
    x, u = point_and_tangents(manifold, shape, rng, dtype, count=1)
    for kind in manifold.retractions:
        for size in (1e-6, 1.0, 10.0):
            y = evaluate(manifold.retr(x, (size * u).astype(dtype), kind=kind))
            assert y.dtype == dtype
            assert manifold.check_point(y), (kind, size)


@table(MANIFOLDS)
def test_first_order_agreement_with_the_geodesic(manifold, shape, rng):
    x, u = point_and_tangents(manifold, shape, rng, count=1)
    for kind, order in manifold.retractions.items():
        gaps = [
            np.linalg.norm(
                evaluate(manifold.retr(x, t * u, kind=kind)) - evaluate(manifold.exp(x, t * u))
            )
            for t in (1e-2, 1e-3)
        ]
        assert gaps[1] <= gaps[0] * 10.0 ** -(order + 0.8) + 1e-13, kind


@table([row for row in MANIFOLDS if not isinstance(row[0], Euclidean)])
def test_exponential_is_the_geodesic_formula_in_complex_numbers(manifold, shape, rng):
    x, u = point_and_tangents(manifold, shape, rng, count=1)
    z, w = manifold.load(x), manifold.load(u)
    a = z.conj().T @ w
    p = shape[1]
    block = np.block([[a, -w.conj().T @ w], [np.eye(p), a]])
    tail = np.vstack([scipy.linalg.expm(-a), np.zeros((p, p))])
    expected = np.hstack([z, w]) @ scipy.linalg.expm(block) @ tail
    assert_allclose(manifold.load(evaluate(manifold.exp(x, u))), expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("n", [1, 2, 16, 64])
def test_unitary_exponential_is_x_expm(n, rng):
    x, u = point_and_tangents(Unitary(), (n, n), rng, count=1)
    z, w = Unitary().load(x), Unitary().load(u)
    expected = z @ scipy.linalg.expm(z.conj().T @ w)
    assert_allclose(Unitary().load(evaluate(Unitary().exp(x, u))), expected, rtol=0, atol=1e-12 * n)


@table(MANIFOLDS)
def test_geodesic_has_constant_speed(manifold, shape, rng):
    x, u = point_and_tangents(manifold, shape, rng, count=1)
    at = lambda t: evaluate(manifold.exp(x, t * u))  # noqa: E731
    h = 1e-5
    for t in (0.0, 0.4, 1.0):
        velocity = (at(t + h) - at(t - h)) / (2 * h)
        assert np.linalg.norm(velocity) == pytest.approx(np.linalg.norm(u), rel=1e-7, abs=1e-9)


@table(MANIFOLDS)
def test_gradient_is_the_slope_along_any_tangent(manifold, shape, rng):
    x, u = point_and_tangents(manifold, shape, rng, count=1)
    a, h = ambient(manifold, shape, rng), 1e-5
    height = lambda y: np.sum(a * y)  # noqa: E731
    slope = evaluate(manifold.inner(x, manifold.proj(x, a), u))
    for kind in manifold.retractions:
        ends = [evaluate(manifold.retr(x, s * u, kind=kind)) for s in (h, -h)]
        rise = (height(ends[0]) - height(ends[1])) / (2 * h)
        assert slope == pytest.approx(rise, rel=1e-7, abs=1e-8), kind


@table(WITH_LOG)
@pytest.mark.parametrize("dtype", DTYPES)
def test_exp_and_log_invert_each_other(manifold, shape, dtype, rng):
    x, u = point_and_tangents(manifold, shape, rng, dtype, count=1)
    u = (u / max(np.linalg.norm(u), 1)).astype(dtype)
    y = evaluate(manifold.exp(x, u))
    close = {"rtol": 0, "atol": tol(dtype, shape)}
    assert_allclose(evaluate(manifold.log(x, y)), u, **close)
    assert evaluate(manifold.dist(x, y)) == pytest.approx(np.linalg.norm(u), abs=close["atol"])
    far = evaluate(manifold.exp(y, evaluate(manifold.log(y, x))))
    assert_allclose(far, x, **close)


@table([row for row in GROUPS if row[1] != (1, 1) or row[0].field == "complex"])
def test_distance_is_the_norm_of_scipys_logarithm(manifold, shape, rng):
    x = manifold.random_point(shape, rng, "float64")
    u = 0.7 * manifold.random_tangent(x, rng) / np.sqrt(manifold.dim(shape))
    y = evaluate(manifold.exp(x, u))
    z, w = manifold.load(x), manifold.load(y)
    expected = np.linalg.norm(scipy.linalg.logm(z.conj().T @ w))
    assert evaluate(manifold.dist(x, y)) == pytest.approx(expected, rel=1e-10)
    assert evaluate(manifold.dist(y, x)) == pytest.approx(expected, rel=1e-10)


def test_stiefel_says_that_it_has_no_logarithm(rng):
    x = Stiefel().random_point((4, 2), rng, "float64")
    with pytest.raises(NotImplementedError, match=r"Stiefel\(complex\) has no logarithm"):
        Stiefel().dist(x, x)


@table(MANIFOLDS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_transport_keeps_tangency_and_the_declared_length(manifold, shape, dtype, rng):
    x, u, v = point_and_tangents(manifold, shape, rng, dtype)
    w = manifold.random_tangent(x, rng)
    y = evaluate(manifold.retr(x, u))
    tv, tw = (evaluate(manifold.transport(x, y, a)) for a in (v, w))
    assert tv.dtype == dtype
    assert tangency(manifold, y, tv) < LIMIT
    assert_allclose(evaluate(manifold.transport(x, x, v)), v, rtol=0, atol=tol(dtype, shape))
    if manifold.isometric_transport:
        assert np.sum(tv * tw) == pytest.approx(np.sum(v * w), abs=10 * tol(dtype, shape))
    else:
        assert np.linalg.norm(tv) <= np.linalg.norm(v) * (1 + 10 * tol(dtype, shape))


def test_stiefel_transport_shortens_as_declared(rng):
    assert not Stiefel().isometric_transport
    x, u, v = point_and_tangents(Stiefel(), (6, 3), rng)
    y = evaluate(Stiefel().retr(x, u))
    assert np.linalg.norm(evaluate(Stiefel().transport(x, y, v))) < 0.99 * np.linalg.norm(v)


@table(MANIFOLDS)
def test_a_batch_is_a_loop(manifold, shape, rng):
    x, u, v = point_and_tangents(manifold, (2, 3, *shape), rng)
    y = evaluate(manifold.retr(x, 0.3 * u))
    methods = {
        "proj": (x, u + v),
        "inner": (x, u, v),
        "norm": (x, u),
        "transport": (x, y, v),
        "project": (x + 0.1 * u,),
        "mean_square": (x, u),
    }
    calls = [(getattr(manifold, name), args) for name, args in methods.items()]
    calls += [
        (lambda x, u, kind=kind: manifold.retr(x, u, kind=kind), (x, u))
        for kind in manifold.retractions
    ]
    if (manifold, shape) in WITH_LOG:
        calls += [(manifold.log, (x, y)), (manifold.dist, (x, y))]
    for call, args in calls:
        batched = evaluate(call(*args))
        for index in np.ndindex(2, 3):
            one = evaluate(call(*(a[index] for a in args)))
            assert_allclose(batched[index], one, rtol=0, atol=1e-11)
    assert manifold.deviation(x).shape == (2, 3)
    assert manifold.check_point(x)


@table([row for row in MANIFOLDS if not isinstance(row[0], Euclidean)])
def test_project_is_the_nearest_point(manifold, shape, rng):
    g = ambient(manifold, shape, rng)
    y = evaluate(manifold.project(g))
    u, _, vh = np.linalg.svd(manifold.load(g), full_matrices=False)
    assert_allclose(manifold.load(y), u @ vh, rtol=0, atol=1e-12)
    for _ in range(5):
        other = manifold.random_point(shape, rng, "float64")
        assert np.linalg.norm(y - g) <= np.linalg.norm(other - g) + 1e-12


@pytest.mark.parametrize("field", ["complex", "real"])
def test_random_unitary_points_are_haar(field):
    n, count = 4, 4000
    manifold = Unitary(field)
    z = manifold.load(manifold.random_point((count, n, n), 0, "float64"))
    traces = np.trace(z, axis1=-2, axis2=-1)
    # E tr U = 0, E |tr U|^2 = 1; of |tr U^2|^2 it is 2 in U(n); rotating by a fixed matrix changes
    # nothing. Without the phases of R the mean trace is not zero.
    assert abs(traces.mean()) < 5 / np.sqrt(count)
    assert np.mean(np.abs(traces) ** 2) == pytest.approx(1, abs=0.1)
    if field == "complex":
        squares = np.trace(z @ z, axis1=-2, axis2=-1)
        assert np.mean(np.abs(squares) ** 2) == pytest.approx(2, abs=0.2)
    assert manifold.random_point(n, 5, "float32").dtype == "float32"
    assert np.array_equal(manifold.random_point(n, 5), manifold.random_point((n, n), 5))


@table(MANIFOLDS)
def test_gradients_flow_through_retractions(manifold, shape, rng):
    """The symbolic retraction differentiates: slope of <a, R(x, u + t v)> over t."""
    x, u, v = point_and_tangents(manifold, shape, rng)
    a, h = ambient(manifold, shape, rng), 1e-5
    step = pt.tensor("u", dtype="float64", shape=x.shape)
    for kind in manifold.retractions:
        height = (a * manifold.retr(x, step, kind=kind)).sum()
        both = [height, pytensor.grad(height, step)]
        f = pytensor.function([step], both, mode="FAST_COMPILE")
        rise = (f(u + h * v)[0] - f(u - h * v)[0]) / (2 * h)
        assert np.sum(f(u)[1] * v) == pytest.approx(rise, rel=1e-6, abs=1e-7), kind


@table(MANIFOLDS)
def test_unknown_shapes_are_accepted(manifold, shape, rng):
    x, u = point_and_tangents(manifold, shape, rng, count=1)
    sx, su = (pt.tensor(dtype="float64", shape=(None,) * x.ndim) for _ in range(2))
    kinds = list(manifold.retractions)
    outputs = [manifold.retr(sx, su, kind=kind) for kind in kinds]
    values = pytensor.function([sx, su], outputs, mode="FAST_COMPILE")(x, u)
    for kind, value in zip(kinds, values, strict=True):
        expected = evaluate(manifold.retr(x, u, kind=kind))
        if isinstance(manifold, Stiefel) and shape[0] == shape[1] and kind == "cayley":
            assert manifold.check_point(value)  # another curve than that of known square shape
        else:
            assert_allclose(value, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("kind", ["qr", "polar", "cayley", "exp"])
def test_no_drift_in_ten_thousand_steps(kind):
    """Multiplicative maps lose 2.7e-4 in 2000 steps in float32 if nothing is done about it."""
    manifold = Unitary("real" if kind in ("qr", "polar") else "complex")
    rng = np.random.default_rng(0)
    start = manifold.random_point(4, rng, "float32")
    x = pytensor.shared(start, shape=start.shape)
    u = pt.tensor("u", dtype="float32", shape=x.type.shape)
    new = manifold.retr(x, manifold.proj(x, u), kind=kind)
    step = pytensor.function([u], [], updates={x: new}, mode="FAST_COMPILE", trust_input=True)
    moves = 0.1 * rng.standard_normal((64, *x.type.shape)).astype("float32")
    worst = 0.0
    for i in range(10_000):
        step(moves[i % 64])
        if i % 100 == 99:
            worst = max(worst, float(manifold.deviation(x.get_value())))
    assert worst < 2e-6


def test_manifolds_are_hashable_values_with_short_names():
    assert Unitary() == Unitary("complex") != Unitary("real")
    assert len({Unitary(), Unitary(), Stiefel(), Euclidean()}) == 3
    assert str(Stiefel("real")) == "Stiefel(real)"
    with pytest.raises(ValueError, match="field must be"):
        Unitary("quaternion")


def test_errors_name_argument_expected_and_got(rng):
    x = Unitary().random_point(3, rng, "float64")
    with pytest.raises(ValueError, match=r"'qr', 'polar', 'cayley', 'exp'.*got 'svd'"):
        Unitary().retr(x, x, kind="svd")
    with pytest.raises(ValueError, match="retr: kind"):
        Euclidean().retr(x, x, kind="svd")
    with pytest.raises(ValueError, match=r"proj: g must have square matrices.*\(2, 3, 2\)"):
        Unitary().proj(x, x[..., :2])
    with pytest.raises(ValueError, match=r"x must be \(..., 2, m, n\).*got shape \(3, 3\)"):
        Unitary().proj(x[0], x[0])
    with pytest.raises(TypeError, match="one dtype, got x float64, u float32"):
        Unitary().retr(x, x.astype("float32"))
    with pytest.raises(TypeError, match="dtype complex128"):
        Unitary().proj(x[0] + 1j * x[1], x)
    with pytest.raises(ValueError, match=r"\|\|X\^H X - I\|\|_F = 5.2, the limit is"):
        Unitary().check_point(2 * x)
    with pytest.raises(ValueError, match="nan"):
        Unitary().check_point(np.nan * x)
    assert Unitary().check_point(2 * x, tol=6)
    with pytest.raises(ValueError, match="n >= p"):
        Stiefel().random_point((2, 3))
    with pytest.raises(ValueError, match="at least as many rows"):
        Stiefel().check_point(np.zeros((2, 2, 3)))
    with pytest.raises(ValueError, match=r"shape must be n or"):
        Unitary().random_point((2, 3))
    with pytest.raises(TypeError, match="float16"):
        Unitary().random_point(2, dtype="float16")
    with pytest.raises(NotImplementedError, match="has no proj"):
        Manifold().proj(x, x)


def test_a_retraction_may_be_a_function(rng):
    x, u = point_and_tangents(Unitary(), (3, 3), rng, count=1)
    value = evaluate(Unitary().retr(x, u, kind=lambda matrices, x, u: x + 2 * u))
    assert_allclose(value, x + 2 * u)


def test_nan_gives_nan_not_an_exception(rng):
    x, u = point_and_tangents(Unitary(), (3, 3), rng, count=1)
    u[0, 0, 0] = np.nan
    for kind in Unitary().retractions:
        assert np.isnan(evaluate(Unitary().retr(x, u, kind=kind))).all()
