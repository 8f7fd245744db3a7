"""One battery of laws over the table of manifolds."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from manifold_table import ROWS, ambient, drawn, run, seen, shortened, table, tol
from numpy.testing import assert_allclose
from oracles import AS_WRITTEN

from unitarygraph.checks import check_hessian, check_retraction
from unitarygraph.checks.tangency import LIMIT, tangency
from unitarygraph.core.layout import plain
from unitarygraph.manifolds import Euclidean
from unitarygraph.parameter import parameter

DTYPES = ("float64", "float32")
# Both fields run one code: what compiles for long is tested in the real one on request, as are
# further shapes.
SLOW = pytest.mark.slow
WITH_LOG = [row for row in ROWS if row.log]
WITH_EXP = [row for row in ROWS if "exp" not in row.lacks]


@pytest.fixture
def rng():
    return np.random.default_rng(20)


def reaches_dim(row):
    return row.manifold.dim(row.shape) > 0


@table()
def test_points_and_tangents_pass_their_own_checks(row, rng):
    manifold = row.manifold
    for dtype in DTYPES:
        x, u = drawn(row, rng, dtype, count=1)
        assert x.dtype == u.dtype == dtype
        assert manifold.is_on(x)
        assert manifold.is_tangent(x, u)
        assert tangency(manifold, x, u) < LIMIT
        assert manifold.random_tangent(x, 1).shape == x.shape


@table([row for row in ROWS if not isinstance(row.manifold, Euclidean)])
def test_what_is_off_the_manifold_or_not_tangent_is_refused(row, rng):
    manifold = row.manifold
    x, _ = drawn(row, rng, count=1)
    g = ambient(row, rng)
    with pytest.raises(ValueError, match=r"require_point: x is not on .* the limit is"):
        manifold.require_point(g)
    with pytest.raises(ValueError, match=r"require_point: x is not on"):
        manifold.require_point(np.nan * x)
    across = g - run(manifold, "proj", x, g)
    assert np.linalg.norm(across) > 0.01
    with pytest.raises(ValueError, match=r"require_tangent: u is not tangent at x on .* limit"):
        manifold.require_tangent(x, across)
    with pytest.raises(ValueError, match=r"require_tangent: u is not tangent"):
        manifold.require_tangent(x, np.nan * x)


@table()
def test_projection_is_idempotent_and_self_adjoint_in_the_metric(row, rng):
    manifold = row.manifold
    x, u = drawn(row, rng, count=1)
    g, h = ambient(row, rng), ambient(row, rng)
    pg, ph = (run(manifold, "proj", x, a) for a in (g, h))
    assert_allclose(run(manifold, "proj", x, pg), pg, rtol=0, atol=tol("float64", row, 500))
    inner = lambda a, b: run(manifold, "inner", x, a, b)  # noqa: E731
    assert inner(pg, h) == pytest.approx(inner(g, ph), rel=1e-11, abs=1e-12)
    assert inner(g, u) == pytest.approx(inner(pg, u), rel=1e-11, abs=1e-12)
    assert run(manifold, "norm", x, u) ** 2 == pytest.approx(inner(u, u), rel=1e-11)


@table([row for row in ROWS if reaches_dim(row)])
def test_projection_has_the_rank_that_dim_says(row, rng):
    manifold = row.manifold
    x = manifold.random_point(row.shape, rng, "float64")
    columns = [run(manifold, "proj", x, e.reshape(x.shape)).ravel() for e in np.eye(x.size)]
    assert np.linalg.matrix_rank(np.array(columns), tol=1e-9) == manifold.dim(row.shape)


@table()
def test_riemannian_gradient_gives_every_slope(row, rng):
    """<grad, v>_x = Re tr(g^H v) for all tangents v, and grad is tangent."""
    manifold = row.manifold
    x, u, v = drawn(row, rng)
    g = ambient(row, rng)
    gradient = run(manifold, "egrad2rgrad", x, g)
    manifold.require_tangent(x, gradient)
    for w in (u, v):
        slope = run(manifold, "inner", x, gradient, w)
        assert slope == pytest.approx(np.sum(g * w), rel=1e-10, abs=1e-11)


@table()
def test_retractions_have_their_declared_order(row):
    check_orders(row, "float64")


@table(others=SLOW)
def test_retractions_have_their_declared_order_in_single_precision(row):
    check_orders(row, "float32")


def check_orders(row, dtype):
    """Whether all retractions of a row are measured to be what they are declared."""
    manifold = row.manifold
    result = check_retraction(manifold, row.shape, dtype=dtype, rng=3)
    assert set(result.kinds) == set(manifold.retractions)
    assert result, str(result)


@table([row for row in ROWS if reaches_dim(row)], others=SLOW)
def test_hessian_is_the_curvature_of_a_loss(row, rng):
    manifold = row.manifold
    x = parameter(manifold.random_point(row.shape, rng, "float64"), manifold, name="x")
    a, b = ambient(row, rng), ambient(row, rng)
    if row.subspaces:
        matrices = manifold.matrices
        m = manifold.store(manifold.normal_matrices((row.shape[0],) * 2, rng), "float64")
        s = matrices.matmul(matrices.hconj(plain(x)), m, plain(x))
        loss = matrices.inner(s, s)
    else:
        loss = (a * pt.sin(plain(x))).sum() + (b * plain(x) ** 2).sum()
    result = check_hessian(loss, x, directions=2)
    assert result, str(result)


@table(WITH_EXP)
def test_geodesic_has_constant_speed_and_goes_on_as_a_geodesic(row, rng):
    manifold = row.manifold
    x, u = drawn(row, rng, count=1)
    u = shortened(row, x, u, 2.0)
    at = lambda t: run(manifold, "exp", x, t * u)  # noqa: E731
    h, length = 1e-5, float(run(manifold, "norm", x, u))
    for t in (0.0, 0.4, 1.0):
        velocity = (at(t + h) - at(t - h)) / (2 * h)
        speed = float(run(manifold, "norm", at(t), velocity))
        assert speed == pytest.approx(length, rel=1e-7, abs=1e-9)
    y = at(1.0)
    velocity = run(manifold, "proj", y, velocity)
    assert_allclose(run(manifold, "exp", y, 0.5 * velocity), at(1.5), rtol=0, atol=1e-7)


@table(WITH_LOG)
def test_exp_and_log_invert_each_other(row, rng):
    manifold = row.manifold
    for dtype in DTYPES:
        x, u = drawn(row, rng, dtype, count=1)
        u = shortened(row, x, u, row.log)
        y = run(manifold, "exp", x, u)
        close = {"rtol": 0, "atol": tol(dtype, row, 200)}
        assert_allclose(run(manifold, "log", x, y), u, **close)
        length = float(run(manifold, "norm", x, u))
        for a, b in ((x, y), (y, x)):
            assert float(run(manifold, "dist", a, b)) == pytest.approx(length, abs=close["atol"])
        # Back from another representative of y, for what has more than one.
        back = run(manifold, "exp", y, run(manifold, "log", y, x))
        assert_allclose(seen(row, back), seen(row, x), **close)
        assert abs(float(run(manifold, "dist", x, x))) <= close["atol"]


@table()
def test_transport_keeps_tangency_and_the_declared_length(row, rng):
    manifold = row.manifold
    for dtype in DTYPES:
        x, u, v, w = drawn(row, rng, dtype, count=3)
        y = run(manifold, "retr" if "exp" in row.lacks else "exp", x, shortened(row, x, u, 1.0))
        tv, tw = (run(manifold, "transport", x, y, a) for a in (v, w))
        close = tol(dtype, row, 200)
        manifold.require_tangent(y, tv)
        assert tangency(manifold, y, tv) < LIMIT
        assert_allclose(run(manifold, "transport", x, x, v), v, rtol=0, atol=close)
        sizes = [float(run(manifold, "norm", p, a)) for p, a in ((x, v), (y, tv))]
        if manifold.isometric_transport:
            before, after = run(manifold, "inner", x, v, w), run(manifold, "inner", y, tv, tw)
            assert after == pytest.approx(before, abs=5 * close * (1 + sizes[0] ** 2))
        elif manifold.is_embedded:
            assert sizes[1] <= sizes[0] * (1 + close)
    if row.along_geodesics:
        u, h = shortened(row, x, u, 1.0).astype("float64"), 1e-5
        x = x.astype("float64")
        velocity = run(manifold, "exp", x, (1 + h) * u) - run(manifold, "exp", x, (1 - h) * u)
        moved = run(manifold, "transport", x, run(manifold, "exp", x, u), u)
        # float32 points are on the manifold to 1e-7 only
        assert_allclose(moved, velocity / (2 * h), rtol=0, atol=1e-5)


@table([row for row in ROWS if row.nearest])
def test_project_is_the_nearest_point(row, rng):
    manifold = row.manifold
    g = ambient(row, rng)
    y = run(manifold, "nearest", g)
    assert manifold.is_on(y)
    assert_allclose(run(manifold, "nearest", y), y, rtol=0, atol=tol("float64", row))
    assert np.linalg.norm(run(manifold, "proj", y, g - y)) < 1e-11
    length = lambda a: float(run(manifold, "norm", y, a))  # noqa: E731
    if manifold.is_embedded:
        for scale in (0.1, 1.0, 3.0, 10.0):
            u = scale * run(manifold, "proj", y, ambient(row, rng))
            assert length(g - y) <= length(g - run(manifold, "exp", y, u)) + 1e-12


@table(others=SLOW)
def test_a_batch_is_a_loop(row, rng):
    manifold = row.manifold
    x, u, v = drawn(row, rng, batch=(2, 3))
    u = 0.3 * u
    y = run(manifold, "retr", x, u)
    g, h = ambient(row, rng, batch=(2, 3)), ambient(row, rng, batch=(2, 3))
    calls = {
        "proj": (x, g),
        "egrad2rgrad": (x, g),
        "ehess2rhess": (x, g, h, v),
        "inner": (x, u, v),
        "norm": (x, u),
        "transport": (x, y, v),
        "nearest": (x + 0.1 * u,),
        "mean_square": (x, u),
    }
    calls = {name: arrays for name, arrays in calls.items() if name not in row.lacks}
    if row.log:
        calls |= {"log": (x, y), "dist": (x, y)}
    calls = [(name, args, None) for name, args in calls.items()]
    calls += [("retr", (x, u), kind) for kind in manifold.retractions]
    for name, args, kind in calls:
        batched = run(manifold, name, *args, kind=kind)
        for index in [(0, 0), (1, 2)]:
            one = run(manifold, name, *(a[index] for a in args), kind=kind)
            assert_allclose(batched[index], one, rtol=0, atol=1e-11, err_msg=name)
    assert manifold.deviation(x).shape == (2, 3)
    assert manifold.is_on(x)
    assert manifold.is_tangent(x, u)


@table()
def test_no_step_leaves_the_manifold(row, rng):
    """Steps of every length, none, and along what a gradient across the manifold leaves."""
    check_steps(row, "float64", rng)


@table(others=SLOW)
def test_no_step_leaves_the_manifold_in_single_precision(row, rng):
    check_steps(row, "float32", rng)


def check_steps(row, dtype, rng):
    """Whether all retractions of a row end on the manifold."""
    manifold = row.manifold
    x, u = drawn(row, rng, dtype, count=1)
    g = ambient(row, rng, dtype)
    normal = g - run(manifold, "proj", x, g)
    steps = [0 * u, 1e-6 * u, u, run(manifold, "proj", x, normal)]
    huge = [1e3 * u, 1e30 * u, run(manifold, "proj", x, (1e30 * normal).astype(dtype))]
    for kind in manifold.retractions:
        for i, step in enumerate([*steps, *huge]):
            y = run(manifold, "retr", x, step.astype(dtype), kind=kind)
            assert y.dtype == dtype
            if row.bounded or i < len(steps):
                assert manifold.is_on(y), (kind, i)
            else:
                assert np.isnan(y).all() or manifold.is_on(y), (kind, i)
            if i in (0, 3):
                assert_allclose(y, x, rtol=0, atol=tol(dtype, row))


@table(others=SLOW)
def test_nan_gives_nan_never_a_wrong_point(row, rng):
    manifold = row.manifold
    x, u = drawn(row, rng, count=1, batch=(2,))
    results = []
    for bad in (np.nan, np.inf):
        step = u.copy()
        step[(0, *(0,) * (u.ndim - 1))] = bad
        step = run(manifold, "egrad2rgrad", x, step)
        results += [run(manifold, "retr", x, step, kind=kind) for kind in manifold.retractions]
    spoiled = x.copy()
    spoiled[0] = np.nan
    if "nearest" not in row.lacks:
        results.append(run(manifold, "nearest", spoiled))
    for y in results:
        assert not np.isfinite(y[0]).all()
        assert np.isfinite(y[1]).all()
        with pytest.raises(ValueError, match="require_point"):
            manifold.require_point(y[0])
        assert manifold.is_on(y[1])


def check_slope(height, vector, place, along):
    """Whether the gradient of a height is its slope at a place."""
    both = [height, pytensor.grad(height, vector)]
    f, h = pytensor.function([vector], both, mode=AS_WRITTEN), 1e-5
    rise = (f(place + h * along)[0] - f(place - h * along)[0]) / (2 * h)
    assert np.sum(f(place)[1] * along) == pytest.approx(rise, rel=1e-6, abs=1e-7)


@table(others=SLOW)
def test_gradients_flow_through_retractions(row, rng):
    """Slope of <a, R(x, u + t v)> over t, also at u = 0."""
    manifold = row.manifold
    x, u, v = drawn(row, rng)
    u, a = shortened(row, x, u, 1.0), ambient(row, rng)
    vector = pt.tensor("u", dtype="float64", shape=x.shape)
    # Of all of them at once, each with a weight of its own.
    ends = [manifold.retr(x, vector, kind=kind) for kind in manifold.retractions]
    height = sum(((i + 1) * a * end).sum() for i, end in enumerate(ends))
    for place in (0 * u, u):
        check_slope(height, vector, place, v)


@table([row for row in WITH_LOG if row.smooth_log], others=SLOW)
def test_gradients_flow_through_logarithms_and_distances(row, rng):
    manifold = row.manifold
    x, u, v = drawn(row, rng)
    y, a = run(manifold, "exp", x, shortened(row, x, u, 1.0)), ambient(row, rng)
    along = run(manifold, "proj", y, v)
    vector = pt.tensor("y", dtype="float64", shape=x.shape)
    check_slope((a * manifold.log(x, vector)).sum(), vector, y, along)
    if reaches_dim(row):
        check_slope(manifold.dist(x, vector), vector, y, along)


@table(others=SLOW)
def test_unknown_shapes_are_accepted(row, rng):
    manifold = row.manifold
    x, u = drawn(row, rng, count=1)
    sx, su = (pt.tensor(dtype="float64", shape=(None,) * x.ndim) for _ in range(2))
    kinds = list(manifold.retractions)
    outputs = [manifold.retr(sx, su, kind=kind) for kind in kinds]
    values = pytensor.function([sx, su], outputs, mode=AS_WRITTEN)(x, u)
    for kind, value in zip(kinds, values, strict=True):
        if row.shape[0] == row.shape[1] and kind == "cayley" and "stiefel" in str(manifold).lower():
            assert manifold.is_on(value)  # another curve than that of known square shape
        else:
            assert_allclose(value, run(manifold, "retr", x, u, kind=kind), rtol=0, atol=1e-11)
