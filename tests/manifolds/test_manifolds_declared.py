"""What single manifolds declare, against formulas of another make, and mistakes of other systems."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import scipy.linalg
import scipy.optimize
from backend_modes import PACKAGES, THIRD_PARTY, the_mode
from manifold_table import ROWS, Row, ambient, drawn, run, shortened, table, tol
from numpy.testing import assert_allclose
from oracles import AS_WRITTEN
from pytensor.gradient import NullTypeGradError

import unitarygraph as ug
from unitarygraph import stacked
from unitarygraph.checks import check_retraction
from unitarygraph.core.layout import is_complex
from unitarygraph.manifolds import (
    Euclidean,
    GeneralizedStiefel,
    Grassmann,
    Manifold,
    Oblique,
    PositiveDefinite,
    Product,
    SpecialUnitary,
    Sphere,
    Stiefel,
    SymplecticStiefel,
    Unitary,
)
from unitarygraph.manifolds.complex_arguments import POINTS_AND_VECTORS
from unitarygraph.manifolds.symplectic_stiefel import symplectic_form
from unitarygraph.manifolds.values import evaluate
from unitarygraph.ops.determinant import angles

pytestmark = [pytest.mark.filterwarnings(line) for line in THIRD_PARTY]
DTYPES = ("float64", "float32")


@pytest.fixture
def rng():
    return np.random.default_rng(20)


def dense(manifold, *values):
    return [manifold.load(value) for value in values]


def hconj(z):
    return np.conj(np.swapaxes(z, -1, -2))


@table([row for row in ROWS if type(row.manifold) is Stiefel])
def test_stiefel_geodesics_are_the_published_formulas(row, rng):
    """Edelman, Arias, Smith (1998), sections 2.2.2 and 2.4.1, in complex numbers."""
    manifold, (n, p) = row.manifold, row.shape
    x, u = drawn(row, rng, count=1)
    z, w = dense(manifold, x, u)
    a = hconj(z) @ w
    if manifold.metric == "euclidean":
        block = np.block([[a, -hconj(w) @ w], [np.eye(p), a]])
        tail = np.vstack([scipy.linalg.expm(-a), np.zeros((p, p))])
        expected = np.hstack([z, w]) @ scipy.linalg.expm(block) @ tail
    else:
        q, r = np.linalg.qr(w - z @ a)
        block = np.block([[a, -hconj(r)], [r, np.zeros((p, p))]])
        expected = np.hstack([z, q]) @ scipy.linalg.expm(block)[:, :p]
    got = manifold.load(run(manifold, "exp", x, u))
    if n == p and manifold.metric == "canonical":
        expected = z @ scipy.linalg.expm(a)
    assert_allclose(got, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("field", ["complex", "real"])
def test_positive_definite_geometry_is_the_published_one(field, rng):
    """Bhatia (2007), chapter 6, with SciPy's matrix functions."""
    row = Row(PositiveDefinite(field), (3, 3))
    manifold = row.manifold
    x, u, v = drawn(row, rng)
    y = run(manifold, "exp", x, u)
    z, w, t, end = dense(manifold, x, u, v, y)
    # SciPy 1.14 gives roots in extended precision.
    root = scipy.linalg.sqrtm(z).astype(z.dtype)
    inverse = np.linalg.inv(root)
    expected = root @ scipy.linalg.expm(inverse @ w @ inverse) @ root
    assert_allclose(end, expected, rtol=1e-11, atol=1e-11)
    eigenvalues = scipy.linalg.eigvalsh(end, z)
    assert run(manifold, "dist", x, y) == pytest.approx(np.linalg.norm(np.log(eigenvalues)))
    turn = scipy.linalg.sqrtm(end @ np.linalg.inv(z)).astype(z.dtype)
    moved = manifold.load(run(manifold, "transport", x, y, v))
    assert_allclose(moved, turn @ t @ hconj(turn), rtol=1e-10, atol=1e-10)
    # The metric is that of A X A^H as well.
    a = manifold.normal_matrices((3, 3), rng)
    ax, au = (manifold.store(a @ m @ hconj(a), "float64") for m in (z, w))
    assert run(manifold, "norm", ax, au) == pytest.approx(run(manifold, "norm", x, u), rel=1e-9)


def test_positive_definite_retractions_end_in_nan_where_rounding_would_leave_the_cone():
    manifold = PositiveDefinite("real")
    x, u = np.eye(2), np.array([[1e30, 0.0], [0.0, 1.0]])
    assert manifold.is_on(run(manifold, "retr", x, u, kind="second_order"))
    u = np.array([[1e30, 1e30], [1e30, 1e30]])
    assert np.isnan(run(manifold, "retr", x, u, kind="second_order")).all()
    raised = run(manifold, "nearest", np.array([[1.0, 2.0], [2.0, 1.0]]))
    assert manifold.is_on(raised)
    assert_allclose(raised, 1.5 * np.ones((2, 2)), atol=1e-7)


@pytest.mark.parametrize("field", ["complex", "real"])
def test_grassmann_distance_is_the_norm_of_the_principal_angles(field, rng):
    row = Row(Grassmann(field), (6, 2))
    x, y = (row.manifold.random_point(row.shape, rng, "float64") for _ in range(2))
    principal = scipy.linalg.subspace_angles(*dense(row.manifold, x, y))
    expected = np.linalg.norm(principal)
    assert run(row.manifold, "dist", x, y) == pytest.approx(expected, rel=1e-10)
    q = Unitary(field).random_point(2, rng, "float64")
    turned = row.manifold.matrices.matmul(y, q)
    assert evaluate(row.manifold.dist(y, turned)) == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize("field", ["complex", "real"])
@pytest.mark.parametrize("manifold", [Unitary, SpecialUnitary])
def test_distance_of_groups_is_the_norm_of_scipys_logarithm(manifold, field, rng):
    row = Row(manifold(field), (4, 4))
    x, u = drawn(row, rng, count=1)
    y = run(row.manifold, "exp", x, shortened(row, x, u, 1.5))
    z, w = dense(row.manifold, x, y)
    expected = np.linalg.norm(scipy.linalg.logm(hconj(z) @ w))
    for a, b in ((x, y), (y, x)):
        assert run(row.manifold, "dist", a, b) == pytest.approx(expected, rel=1e-10)


def test_special_unitary_log_is_nan_where_the_principal_one_is_not_tangent():
    """Angles 2.5, 2.5 and -5 + 2 pi, whose sum is 2 pi."""
    manifold = SpecialUnitary()
    x, y = (
        manifold.store(np.diag(np.exp(1j * np.array(w))), "float64")
        for w in ([0, 0, 0], [2.5, 2.5, -5])
    )
    assert manifold.is_on(y)
    assert np.isnan(run(manifold, "log", x, y)).all()


@pytest.mark.parametrize("n", [2, 3, 5])
def test_angles_of_the_nearest_special_matrix_are_the_best(n, rng):
    """Against a search over all angles with the right sum, modulo 2 pi."""
    for _ in range(4):
        s = np.sort(rng.uniform(0, 1, n) ** 3)[::-1]
        total = rng.uniform(-np.pi, np.pi)
        found = angles(s, total)
        assert np.sum(found) == pytest.approx(total, abs=1e-12)

        def value(free, s=s, total=total):
            return -np.sum(s * np.cos(np.append(free, total - np.sum(free))))

        starts = rng.uniform(-np.pi, np.pi, (20, n - 1))
        best = min(scipy.optimize.minimize(value, start).fun for start in starts)
        assert np.sum(s * np.cos(found)) >= -best - 1e-7


@pytest.mark.parametrize("bad", ["zero", "rank one"])
@pytest.mark.parametrize("field", ["complex", "real"])
def test_nearest_special_matrix_of_singular_ones(field, bad):
    manifold = SpecialUnitary(field)
    z = np.zeros((3, 3)) if bad == "zero" else np.ones((3, 3)) * (1j if field == "complex" else 1)
    assert manifold.is_on(run(manifold, "nearest", manifold.store(z, "float64")))


def test_logarithm_of_stiefel_manifolds_far_away_is_nan_or_right(rng):
    manifold = Stiefel(metric="canonical")
    for _ in range(5):
        x, y = (manifold.random_point((5, 2), rng, "float64") for _ in range(2))
        u = run(manifold, "log", x, y)
        assert np.isnan(u).all() or np.abs(run(manifold, "exp", x, u) - y).max() < 1e-11
    vector = pt.tensor("y", dtype="float64", shape=y.shape)
    with pytest.raises(NullTypeGradError, match="by iteration on values"):
        pytensor.grad(manifold.dist(x, vector).sum(), vector)


def test_generalized_stiefel_of_the_identity_is_stiefel(rng):
    flat, general = Stiefel(), GeneralizedStiefel(np.eye(4))
    x = general.random_point((4, 2), 1, "float64")
    g, h = (ambient(Row(flat, (4, 2)), rng) for _ in range(2))
    for method, args in {"proj": (g,), "egrad2rgrad": (g,), "inner": (g, h)}.items():
        assert_allclose(
            run(general, method, x, *args), run(flat, method, x, *args), rtol=0, atol=1e-13
        )
    assert general == GeneralizedStiefel(np.eye(4).astype(complex))
    assert hash(general) != hash(GeneralizedStiefel(2 * np.eye(4)))
    for wrong, words in {
        "B must be \\(n, n\\)": np.ones((2, 3)),
        "B must be Hermitian": np.triu(np.ones((3, 3))),
        "B must be positive definite": np.diag([1.0, -1.0]),
    }.items():
        with pytest.raises(ValueError, match=wrong):
            GeneralizedStiefel(words)
    with pytest.raises(ValueError, match="x must have the 4 rows of B"):
        general.proj(np.ones((2, 5, 2)), np.ones((2, 5, 2)))


@pytest.mark.parametrize("field", ["complex", "real"])
def test_symplectic_geometry_is_the_published_one(field, rng):
    """Gao, Son, Absil, Stykel (2021) with dense matrices, X^T read as X^H."""
    row = Row(SymplecticStiefel(field), (6, 4))
    manifold, (n, p) = row.manifold, row.shape
    x, u = drawn(row, rng, count=1)
    g = ambient(row, rng)
    z, w, slope = dense(manifold, x, u, g)
    jn, jp = symplectic_form(n), symplectic_form(p)
    gram, right = hconj(z) @ z, hconj(z) @ jn @ slope
    omega = scipy.linalg.solve_sylvester(gram, gram, hconj(right) - right)
    projected = manifold.load(run(manifold, "proj", x, g))
    assert_allclose(projected, slope - jn @ z @ omega, rtol=0, atol=1e-12)
    turn = (np.eye(n) - z @ jp @ hconj(z) @ jn.T / 2) @ w @ hconj(z @ jp)
    s = (turn + hconj(turn)) @ jn
    assert_allclose(s @ z, w, rtol=0, atol=1e-12)
    cayley = np.linalg.solve(np.eye(n) - s / 2, (np.eye(n) + s / 2) @ z)
    moved = manifold.load(run(manifold, "retr", x, u, kind="cayley"))
    assert_allclose(moved, cayley, rtol=1e-11, atol=1e-11)
    for method in ("exp", "log", "nearest"):
        with pytest.raises(NotImplementedError, match="in closed form"):
            getattr(manifold, method)(*(x, u)[: 1 if method == "nearest" else 2])


def test_symplectic_steps_do_not_drift_and_end_in_nan_where_the_map_has_a_pole():
    manifold, rng = SymplecticStiefel("real"), np.random.default_rng(0)
    x = manifold.random_point((4, 2), rng, "float32")
    for i in range(1000):
        u = run(manifold, "proj", x, rng.standard_normal(x.shape).astype("float32"))
        # Back again every other step, as the manifold is not bounded.
        x = run(manifold, "retr", x, np.float32(0.1 * (-1) ** i) * u)
        if np.linalg.norm(x) > 5:
            x = manifold.random_point((4, 2), rng, "float32")
    assert manifold.deviation(x) < 1e-5
    # On the hyperbola of diag(a, 1/a) the Cayley map of a step 2a is (1 + 1)/(1 - 1).
    x, u = np.eye(2), np.diag([2.0, -2.0])
    assert manifold.is_tangent(x, u)
    assert_allclose(run(manifold, "retr", x, 0.5 * u), np.diag([3, 1 / 3]), rtol=1e-14)
    assert not np.isfinite(run(manifold, "retr", x, u)).all()


@table([row for row in ROWS if row.manifold.dim(row.shape)], others=pytest.mark.slow)
def test_the_seed_of_a_point_serves_for_a_tangent(row):
    """The matrix that the point was made of, drawn again, is a multiple of it: what is left is noise."""
    x = row.manifold.random_point(row.shape, 0, "float64")
    u = row.manifold.random_tangent(x, 0)
    assert np.linalg.norm(u) > 0.1
    assert row.manifold.is_tangent(x, u / np.linalg.norm(u))


@pytest.mark.parametrize("field", ["complex", "real"])
def test_spheres_of_single_vectors(field, rng):
    manifold = Sphere(field)
    x = rng.standard_normal((2, 4) if field == "complex" else (4,))
    x /= np.linalg.norm(x)
    u = run(manifold, "proj", x, rng.standard_normal(x.shape))
    assert manifold.is_on(x)
    assert manifold.is_tangent(x, u)
    y = run(manifold, "exp", x, u / np.linalg.norm(u))
    assert manifold.is_on(y)
    assert run(manifold, "dist", x, y) == pytest.approx(1)
    assert run(manifold, "norm", x, u) == pytest.approx(np.linalg.norm(u))
    assert run(manifold, "inner", x, u, u) == pytest.approx(np.sum(u * u))


def test_products_go_factor_by_factor(rng):
    factors, shapes = (Unitary(), Sphere("real"), Euclidean("real")), ((3, 3), (2, 3), (2, 2))
    manifold = Product(*factors)
    x = manifold.random_point(shapes, 0, "float64")
    u, v = manifold.random_tangent(x, 1), manifold.random_tangent(x, 2)
    each = lambda method, *args: [  # noqa: E731
        run(m, method, *values) for m, *values in zip(factors, *args, strict=True)
    ]
    assert str(manifold) == "Product(Unitary(complex), Sphere(real), Euclidean(real))"
    assert manifold.dim(shapes) == 9 + 5 + 4
    assert manifold.retractions == {"qr": 1, "polar": 2, "cayley": 2, "exp": 2, "normalize": 2}
    assert manifold.best_retraction == "polar"
    assert manifold.isometric_transport
    assert manifold.is_on(x)
    assert manifold.is_tangent(x, u)
    total = sum(each("inner", x, u, v))
    assert evaluate(manifold.inner(x, u, v)) == pytest.approx(total)
    assert evaluate(manifold.norm(x, u)) ** 2 == pytest.approx(sum(each("inner", x, u, u)))
    u = tuple(0.1 * a for a in u)
    y = evaluate(list(manifold.exp(x, u)))
    for method, args in {
        "proj": (x, v),
        "egrad2rgrad": (x, v),
        "ehess2rhess": (x, v, v, u),
        "log": (x, y),
        "transport": (x, y, v),
        "nearest": (v,),
        "mean_square": (x, u),
    }.items():
        got = evaluate(list(getattr(manifold, method)(*args)))
        for a, b in zip(got, each(method, *args), strict=True):
            assert_allclose(a, b, rtol=0, atol=1e-13)
    assert evaluate(manifold.dist(x, y)) == pytest.approx(evaluate(manifold.norm(x, u)))
    bad = (x[0], 2 * x[1], x[2])
    assert manifold.deviation(bad) == pytest.approx(3)
    with pytest.raises(ValueError, match=r"not on Sphere\(real\)"):
        manifold.require_point(bad)
    with pytest.raises(ValueError, match=r"not tangent at x on Sphere"):
        manifold.require_tangent(x, (u[0], x[1], u[2]))
    with pytest.raises(ValueError, match=r"proj: expected 3 entries on Product.*got 2"):
        manifold.proj(x[:2], u[:2])
    with pytest.raises(TypeError, match="Product: expected one manifold or more"):
        Product()
    with pytest.raises(ValueError, match="retr: kind"):
        manifold.retr(x, u, kind="svd")


# Mistakes of other systems, pinned.


def test_projection_takes_the_adjoint_not_the_transpose(rng):
    """pymanopt's UnitaryGroup.projection transposes; only complex input tells."""
    row = Row(Unitary(), (4, 4))
    x = row.manifold.random_point(4, rng, "float64")
    z, g = dense(row.manifold, x, ambient(row, rng))
    got = row.manifold.load(run(row.manifold, "proj", x, row.manifold.store(g, "float64")))
    assert_allclose(got, (g - z @ hconj(g) @ z) / 2, rtol=0, atol=1e-14)
    skew = z.T @ g
    assert np.linalg.norm(got - z @ (skew - skew.T) / 2) > 0.1


@pytest.mark.parametrize("kind", ["qr", "polar", "cayley", "exp"])
@pytest.mark.parametrize("field", ["complex", "real"])
def test_a_canonical_step_is_once_the_tangent(field, kind, rng):
    """geoopt's CanonicalStiefel goes 2 u: Cayley of W = U X^H - X U^H without the P = I - XX^H/2."""
    row = Row(Stiefel(field, "canonical"), (5, 2))
    x, u = drawn(row, rng, count=1)
    h = 1e-5
    ends = [run(row.manifold, "retr", x, t * u, kind=kind) for t in (h, -h)]
    assert_allclose((ends[0] - ends[1]) / (2 * h), u, rtol=0, atol=1e-8)


@table([row for row in ROWS if row.shape != (1, 1) and "nearest" not in row.lacks])
def test_projecting_leaves_points_where_they_are(row, rng):
    """CDOpt's complex post-processing moves feasible points."""
    for dtype in DTYPES:
        x = row.manifold.random_point(row.shape, rng, dtype)
        assert_allclose(run(row.manifold, "nearest", x), x, rtol=0, atol=tol(dtype, row))


# Shapes, names, errors, backends.


@pytest.fixture(params=PACKAGES)
def backend(request):
    with the_mode(request.param) as name:
        yield name


def test_projections_on_values_on_other_backends(backend, rng):
    """Ops without gradients, which are no rows of the table of Ops."""
    given, outputs, data = [], [], []
    for manifold in (SpecialUnitary(), SpecialUnitary("real"), PositiveDefinite()):
        shape = manifold.matrices.storage_shape((6, 3, 3))
        given.append(pt.tensor(dtype="float64", shape=shape))
        outputs.append(manifold.nearest(given[-1]))
        data.append(rng.standard_normal(shape))
        data[-1][0] = 0 if isinstance(manifold, SpecialUnitary) else data[-1][0]
        data[-1][1, ..., 0, 0] = np.nan
    ours, expected = (
        pytensor.function(given, outputs, mode=m)(*data) for m in (backend, "FAST_COMPILE")
    )
    for got, want in zip(ours, expected, strict=True):
        # The nearest point to zero is any.
        assert_allclose(np.asarray(got)[1:], want[1:], rtol=0, atol=1e-12)
    assert SpecialUnitary().is_on(np.asarray(ours[0])[[0, 2, 3, 4, 5]])
    x = pt.tensor(dtype="float64", shape=(2, 4, 2))
    with pytest.raises(NotImplementedError, match=r"StiefelLog has no kernel .* an iteration on"):
        pytensor.function([x], Stiefel(metric="canonical").log(x, 2 * x), mode=backend)


def test_the_measured_orders_tell_first_from_second():
    orders = {kind: m.order for kind, m in check_retraction(Unitary(), (5, 5)).kinds.items()}
    assert orders["qr"] == pytest.approx(1, abs=0.1)
    assert orders["polar"] == pytest.approx(2, abs=0.1)
    assert orders["cayley"] == pytest.approx(2, abs=0.1)
    tall = {kind: m.order for kind, m in check_retraction(Stiefel(), (6, 3)).kinds.items()}
    assert tall["cayley"] == pytest.approx(1, abs=0.1)
    assert tall["exp"] == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("n", [1, 2, 16, 64])
def test_unitary_exponential_is_x_expm(n, rng):
    x, u = drawn(Row(Unitary(), (n, n)), rng, count=1)
    z, w = Unitary().load(x), Unitary().load(u)
    expected = z @ scipy.linalg.expm(z.conj().T @ w)
    assert_allclose(Unitary().load(evaluate(Unitary().exp(x, u))), expected, rtol=0, atol=1e-12 * n)


def test_stiefel_says_that_it_has_no_logarithm(rng):
    x = Stiefel().random_point((4, 2), rng, "float64")
    with pytest.raises(NotImplementedError, match=r"Stiefel\(complex\) has no logarithm"):
        Stiefel().dist(x, x)


def test_stiefel_transport_shortens_as_declared(rng):
    assert not Stiefel().isometric_transport
    x, u, v = drawn(Row(Stiefel(), (6, 3)), rng)
    y = evaluate(Stiefel().retr(x, u))
    assert np.linalg.norm(evaluate(Stiefel().transport(x, y, v))) < 0.99 * np.linalg.norm(v)


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


@pytest.mark.parametrize("steps", [1000, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["qr", "polar", "cayley", "exp"])
def test_no_drift_in_many_steps(kind, steps):
    """Multiplicative maps lose 2.7e-4 in 2000 steps in float32 if nothing is done about it."""
    manifold = Unitary("real" if kind in ("qr", "polar") else "complex")
    rng = np.random.default_rng(0)
    start = manifold.random_point(4, rng, "float32")
    x = pytensor.shared(start, shape=start.shape)
    u = pt.tensor("u", dtype="float32", shape=x.type.shape)
    new = manifold.retr(x, manifold.proj(x, u), kind=kind)
    step = pytensor.function([u], [], updates={x: new}, mode=AS_WRITTEN, trust_input=True)
    moves = 0.1 * rng.standard_normal((64, *x.type.shape)).astype("float32")
    worst = 0.0
    for i in range(steps):
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
    with pytest.raises(ValueError, match=r"proj: got a complex argument on Unitary\(real\)"):
        Unitary("real").proj(x[0] + 1j * x[1], x[0])
    with pytest.raises(
        ValueError, match=r"is_on: x is complex and the manifold real, Unitary\(real"
    ):
        Unitary("real").is_on(x[0] + 1j * x[1])
    with pytest.raises(TypeError, match=r"is_on: x must be float32 or float64, got dtype int64"):
        Unitary("real").is_on(np.eye(3, dtype="int64"))
    with pytest.raises(ValueError, match=r"\|\|X\^H X - I\|\|_F = 5.2, the limit is"):
        Unitary().require_point(2 * x)
    with pytest.raises(ValueError, match="nan"):
        Unitary().require_point(np.nan * x)
    assert Unitary().is_on(2 * x, tol=6)
    with pytest.raises(ValueError, match="n >= p"):
        Stiefel().random_point((2, 3))
    with pytest.raises(ValueError, match="at least as many rows"):
        Stiefel().require_point(np.zeros((2, 2, 3)))
    with pytest.raises(ValueError, match=r"shape must be n or"):
        Unitary().random_point((2, 3))
    with pytest.raises(TypeError, match="float16"):
        Unitary().random_point(2, dtype="float16")
    for method in ("proj", "exp", "retr", "log"):
        with pytest.raises(NotImplementedError, match="has no"):
            getattr(Manifold(), method)(x, x)


@pytest.mark.parametrize("manifold", [Unitary(), Sphere(), Oblique("real", "columns")], ids=str)
def test_a_retraction_may_be_a_function_of_the_manifold(manifold, rng):
    """Not of the algebra: a function for a sphere has to know along which axes its vectors run."""
    x, u = drawn(Row(manifold, (3, 3)), rng, count=1)
    value = evaluate(manifold.retr(x, u, kind=lambda m, x, u: m.nearest(x + m.proj(x, 2 * u))))
    assert_allclose(value, run(manifold, "nearest", x + 2 * u), rtol=0, atol=1e-14)
    # In flat space it is addition, so that one function serves a list of parameters.
    flat = Euclidean(manifold.field).retr(x, u, kind=lambda m, x, u: x + 2 * u)
    assert_allclose(evaluate(flat), x + u)


@pytest.mark.parametrize(
    ("manifold", "best"),
    [
        (Unitary(), "polar"),
        (SpecialUnitary(), "polar"),
        (Stiefel(), "polar"),
        (Stiefel(metric="canonical"), "cayley"),
        (Grassmann(), "qr"),
        (Sphere(), "normalize"),
        (PositiveDefinite(), "second_order"),
        (Euclidean(), "exp"),
    ],
    ids=str,
)
def test_without_a_name_the_manifold_takes_its_best_retraction(manifold, best, rng):
    assert manifold.best_retraction == best
    assert manifold.retractions[best] == 2
    x, u = drawn(Row(manifold, (4, 4)), rng, count=1)
    wanted = run(manifold, "retr", x, u, kind=best)
    assert np.array_equal(run(manifold, "retr", x, u), wanted)
    for name in {"qr", "polar", "cayley", "exp"} - set(manifold.retractions):
        with pytest.raises(ValueError, match=f"retr: kind must be one of .*got '{name}'"):
            manifold.retr(x, u, kind=name)


@pytest.mark.parametrize("dtype", DTYPES)
@table([row for row in ROWS if row.manifold.field == "complex"], others=pytest.mark.slow)
def test_complex_variables_and_arrays_give_the_storages(row, dtype, rng):
    """Every method, the arguments complex variables or NumPy complex arrays."""
    manifold = row.manifold
    x, u, v = drawn(row, rng, dtype)
    u = shortened(row, x, u, 0.5)
    y = run(manifold, "retr", x, u)
    g, h = ambient(row, rng, dtype), ambient(row, rng, dtype)
    calls = {
        "proj": (x, g),
        "egrad2rgrad": (x, g),
        "ehess2rhess": (x, g, h, v),
        "transport": (x, y, v),
        "nearest": (x + u,),
        "retr": (x, u),
        "exp": (x, u),
        "log": (x, y),
        "inner": (x, u, v),
        "norm": (x, u),
        "dist": (x, y),
        "mean_square": (x, u),
    }
    absent = {*row.lacks, *(() if row.log else ("log", "dist"))}
    calls = {method: arrays for method, arrays in calls.items() if method not in absent}
    for method, arrays in calls.items():
        wanted = run(manifold, method, *arrays)
        given = [ug.matrix(shape=row.shape, dtype=dtype) for _ in arrays]
        found = [getattr(manifold, method)(*given)]
        # One NumPy complex array beside a complex variable, a stored tensor and a Python call.
        first = stacked.to_complex(arrays[0])
        found.append(getattr(manifold, method)(first, *given[1:]))
        found.append(getattr(manifold, method)(given[0], *map(pt.constant, arrays[1:])))
        wants_complex = method in POINTS_AND_VECTORS
        assert all(is_complex(z) == wants_complex for z in found)
        f = ug.function(given, found, mode=AS_WRITTEN, on_unused_input="ignore")
        wanted = stacked.to_complex(wanted) if wants_complex else wanted
        for value in f(*map(stacked.to_complex, arrays)):
            assert value.dtype == wanted.dtype
            assert_allclose(value, wanted, rtol=0, atol=tol(dtype, row), err_msg=method)
    z, w = stacked.to_complex(x), stacked.to_complex(u)
    assert manifold.is_on(z)
    assert manifold.is_tangent(z, w)
    manifold.require_point(z)
    manifold.require_tangent(z, w)
    assert manifold.deviation(z) == manifold.deviation(x)
    assert manifold.tolerance(z) == manifold.tolerance(x)
    tangent = manifold.random_tangent(z, 5)
    assert np.array_equal(tangent, stacked.to_complex(manifold.random_tangent(x, 5)))
    if not isinstance(manifold, Euclidean):
        off = z + 1j
        assert not manifold.is_on(off)
        with pytest.raises(ValueError, match="require_point: x is not on"):
            manifold.require_point(off)


def test_products_take_complex_entries(rng):
    factors, shapes = (Unitary(), Sphere("real"), Product(Stiefel())), ((3, 3), (2, 3), ((4, 2),))
    manifold = Product(*factors)
    x = manifold.random_point(shapes, 0, "float64")
    u, v = manifold.random_tangent(x, 1), manifold.random_tangent(x, 2)
    as_complex = lambda t: (stacked.to_complex(t[0]), t[1], (stacked.to_complex(t[2][0]),))  # noqa: E731
    z, w = as_complex(x), as_complex(u)
    assert manifold.is_on(z)
    assert manifold.is_tangent(z, w)
    assert not manifold.is_on((2 * z[0], *z[1:]))
    assert manifold.deviation(z) == manifold.deviation(x)
    turned = manifold.random_tangent(z, 1)
    assert np.array_equal(turned[0], w[0])
    given = (ug.as_complex(z[0]), pt.constant(z[1]), (z[2][0],))
    for point in (z, given):
        assert evaluate(manifold.inner(point, w, as_complex(v))) == pytest.approx(
            evaluate(manifold.inner(x, u, v)), rel=1e-13
        )
        for method, kind in (("retr", None), ("retr", "qr"), ("exp", None), ("proj", None)):
            options = {} if kind is None else {"kind": kind}
            got = getattr(manifold, method)(point, w, **options)
            want = getattr(manifold, method)(x, u, **options)
            assert [is_complex(got[0]), is_complex(got[1]), is_complex(got[2][0])] == [
                True,
                False,
                True,
            ]
            for a, b in ((got[0], want[0]), (got[2][0], want[2][0])):
                assert_allclose(evaluate(a.stacked), evaluate(b), rtol=0, atol=1e-14)
            assert_allclose(evaluate(got[1]), evaluate(want[1]), rtol=0, atol=1e-14)
