"""Landing, Muon in flat space and on Stiefel, and projection after a rule, against NumPy."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import scipy.linalg
from backend_modes import the_mode
from numpy.testing import assert_allclose
from oracles import AS_WRITTEN

from unitarygraph.core.layout import plain
from unitarygraph.manifolds import Euclidean, GeneralizedStiefel, Sphere, Stiefel, Unitary
from unitarygraph.parameter import parameter
from unitarygraph.stacked.algebra import algebra
from unitarygraph.updates import landing, momentum, project_after, sgd, stiefel_muon
from unitarygraph.updates.muon import COEFFICIENTS, muon, orthogonalized

RATE = 0.1
FIELDS = ("complex", "real")
fields = pytest.mark.parametrize("field", FIELDS)
SHAPES = {"square": (4, 4), "tall": (5, 2)}
shapes = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def manifold_for(field, shape):
    return (Unitary if shape[0] == shape[1] else Stiefel)(field)


def gaussian(field, shape, seed, dtype="float64"):
    z = np.random.default_rng(seed).standard_normal((2, *shape))
    return algebra(field).from_numpy(z[0] + 1j * z[1] if field == "complex" else z[0]).astype(dtype)


def step_of(updates, inputs=(), mode=AS_WRITTEN):
    return pytensor.function(list(inputs), [], updates=updates, mode=mode)


def value_of(p, field):
    return algebra(field).to_numpy(np.array(p.get_value()))


def H(z):
    return z.conj().T


def skew(z):
    return (z - H(z)) / 2


def landing_reference(x, g, rate, strength, epsilon):
    """The formulas with n x n matrices."""
    d = np.linalg.norm(H(x) @ x - np.eye(x.shape[1]))
    field = skew(g @ H(x)) @ x + strength * x @ (H(x) @ x - np.eye(x.shape[1]))
    if epsilon is not None:
        alpha, beta = 2 * strength * d * (1 - d), np.linalg.norm(field) ** 2
        root = np.sqrt(alpha**2 + 4 * beta * (epsilon - d))
        rate = min(rate, 1 / (2 * strength), (alpha + root) / (2 * beta))
    return x - rate * field


@fields
@shapes
@pytest.mark.parametrize("epsilon", [0.5, None])
@pytest.mark.parametrize("rate", [0.01, 3.0])
def test_landing_is_its_formula(field, shape, epsilon, rate):
    manifold, a = manifold_for(field, shape), gaussian(field, shape, 1)
    p = parameter(manifold.random_point(shape, 0, "float64"), manifold, "X")
    step = step_of(landing([pt.as_tensor(a)], [p], rate, strength=0.7, epsilon=epsilon))
    x = value_of(p, field)
    for _ in range(3 if epsilon else 1):
        step()
        x = landing_reference(x, algebra(field).to_numpy(a), rate, 0.7, epsilon)
    assert_allclose(value_of(p, field), x, atol=1e-12)


def in_the_tube(manifold, shape, radius, rng):
    """A stored matrix whose deviation is radius, in a random direction."""
    x = manifold.load(manifold.random_point(shape, rng, "float64"))
    gram = rng.standard_normal((shape[1], shape[1]))
    gram = gram + gram.T
    gram = np.eye(shape[1]) + radius * gram / np.linalg.norm(gram)
    return manifold.store(x @ scipy.linalg.sqrtm(gram), "float64")


@fields
@shapes
def test_the_safe_step_never_leaves_the_tube(field, shape, rng):
    manifold, epsilon = manifold_for(field, shape), 0.5
    p = parameter(manifold.random_point(shape, 0, "float64"), manifold, "X")
    g, strength = p.type("g"), 0.8
    step = step_of(landing([g], [p], 1e9, strength=strength, epsilon=epsilon), [g])
    reached = 0.0
    for trial in range(150):
        p.set_value(in_the_tube(manifold, shape, rng.uniform(0, epsilon), rng))
        x, size = value_of(p, field), 10 ** rng.uniform(-4, 4)
        a = size * gaussian(field, shape, trial)
        step(a)
        d = manifold.deviation(p.get_value())
        assert d <= epsilon * (1 + 1e-12)
        reached = max(reached, d)
        assert at_least_that_of_2022(x, algebra(field).to_numpy(a), p, field, strength, epsilon)
    assert reached > 0.4 * epsilon


def at_least_that_of_2022(x, g, p, field, strength, epsilon):
    """The step that was made against the safe one of Ablin and Peyre, lineage-full.md 6.3."""
    n = np.eye(x.shape[1])
    d, a = np.linalg.norm(H(x) @ x - n), np.linalg.norm(skew(g @ H(x)))
    alpha = 2 * strength * d - 2 * a * d - 2 * strength * d * d
    beta = (1 + d) * (a + strength * d) ** 2
    published = (alpha + np.sqrt(alpha**2 + 4 * beta * (epsilon - d))) / (2 * beta)
    field_ = skew(g @ H(x)) @ x + strength * x @ (H(x) @ x - n)
    made = np.linalg.norm(value_of(p, field) - x) / np.linalg.norm(field_)
    return made >= min(published, 1 / (2 * strength)) * (1 - 1e-6)


@fields
@shapes
def test_landing_arrives_at_the_solution_of_procrustes(field, shape):
    """The trace of A^H X is largest at the polar factor of A."""
    manifold = manifold_for(field, shape)
    matrices = manifold.matrices
    a = matrices.to_numpy(gaussian(field, shape, 1))
    best, stretch = scipy.linalg.polar(a)
    start = scipy.linalg.polar(best + 0.2 * matrices.to_numpy(gaussian(field, shape, 2)))[0]
    p = parameter(matrices.from_numpy(start), manifold, "X")
    rate = 1 / np.linalg.norm(stretch)
    step = step_of(landing([pt.as_tensor(matrices.from_numpy(-a))], [p], rate))
    for _ in range(1500):
        step()
    assert manifold.deviation(p.get_value()) < 1e-12
    assert_allclose(value_of(p, field), best, atol=1e-10)


@dtypes
@pytest.mark.parametrize("size", [0.0, 1e-30, 1e30])
def test_landing_with_gradients_of_any_size(dtype, size):
    manifold = Unitary()
    p = parameter(manifold.random_point(4, 0, dtype), manifold, "X")
    before = p.get_value()
    step = step_of(landing([pt.as_tensor(gaussian("complex", (4, 4), 1, dtype) * size)], [p], 1.0))
    for _ in range(3):
        step()
        assert p.get_value().dtype == dtype
        assert manifold.deviation(p.get_value()) <= 0.5 + 1e-5
    if size < 1:
        assert_allclose(p.get_value(), before, atol=4 * np.finfo(dtype).eps)


def test_landing_batches_take_each_its_own_step():
    manifold = Unitary()
    x = np.stack([manifold.random_point(3, seed, "float64") for seed in (0, 1)])
    g = np.stack([gaussian("complex", (3, 3), 2), 100 * gaussian("complex", (3, 3), 3)])
    p = parameter(x, manifold, "X")
    step_of(landing([pt.as_tensor(g)], [p], 0.1))()
    for i in (0, 1):
        q = parameter(x[i], manifold, "X")
        step_of(landing([pt.as_tensor(g[i])], [q], 0.1))()
        assert_allclose(p.get_value()[i], q.get_value(), atol=1e-14)


def orth_reference(g, steps=5):
    """Newton-Schulz on the singular values themselves."""
    u, s, vh = np.linalg.svd(g, full_matrices=False)
    s = s / (np.linalg.norm(g) + 1e-7)
    a, b, c = COEFFICIENTS
    for _ in range(steps):
        s = a * s + b * s**3 + c * s**5
    return (u * s) @ vh


@fields
@pytest.mark.parametrize("shape", [(4, 4), (5, 2), (2, 5)])
def test_orthogonalized_acts_on_singular_values(field, shape):
    matrices, g = algebra(field), gaussian(field, shape, 0)
    graph = orthogonalized(matrices, pt.as_tensor(g))
    value = matrices.to_numpy(pytensor.function([], graph, mode=AS_WRITTEN)())
    assert_allclose(value, orth_reference(matrices.to_numpy(g)), atol=1e-12)
    assert np.all(np.abs(np.linalg.svd(value, compute_uv=False) - 0.9) < 0.33)


@fields
@dtypes
@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("shape", [(5, 3), (3, 5)])
def test_muon_is_its_formula(field, dtype, nesterov, shape):
    matrices = algebra(field)
    p = parameter(gaussian(field, shape, 0, dtype), Euclidean(field), "W")
    a = gaussian(field, shape, 1, dtype)
    new = muon([pt.as_tensor(a) + 0.3 * plain(p)], [p], RATE, nesterov=nesterov)
    assert {v.name for v in new} == {"W", "W/muon/velocity"}
    step, x, a = step_of(new), value_of(p, field), matrices.to_numpy(a)
    m = np.zeros_like(x)
    for _ in range(3):
        step()
        g = a + 0.3 * x
        m = 0.95 * m + g
        direction = orth_reference(g + 0.95 * m if nesterov else m)
        x = x - RATE * np.sqrt(max(1, shape[0] / shape[1])) * direction
    assert p.get_value().dtype == dtype
    assert_allclose(value_of(p, field), x, atol=1e4 * np.finfo(dtype).eps)


def test_muon_takes_a_plain_stacked_variable_when_told_its_field():
    value, a = gaussian("complex", (3, 3), 0), gaussian("complex", (3, 3), 1)
    plain = parameter(value, name="W")
    known = parameter(value, Euclidean("complex"), "W")
    step_of(muon([pt.as_tensor(a)], [plain], RATE, field="complex"))()
    step_of(muon([pt.as_tensor(a)], [known], RATE))()
    assert_allclose(plain.get_value(), known.get_value())


@fields
@shapes
@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("retraction", ["polar", "qr"])
def test_stiefel_muon_is_its_formula(field, shape, nesterov, retraction):
    manifold, matrices = manifold_for(field, shape), algebra(field)
    p = parameter(manifold.random_point(shape, 0, "float64"), manifold, "X")
    a = gaussian(field, shape, 1)
    new = stiefel_muon(
        [pt.as_tensor(a) + 0.3 * plain(p)], [p], RATE, nesterov=nesterov, retraction=retraction
    )
    step, x, a = step_of(new), value_of(p, field), matrices.to_numpy(a)
    m = np.zeros_like(x)
    for _ in range(3):
        step()
        g = a + 0.3 * x
        m = 0.95 * m + g
        ahead = g + 0.95 * m if nesterov else m
        tangent = ahead - x @ (H(x) @ ahead + H(ahead) @ x) / 2
        moved = x - RATE * orth_reference(tangent)
        x = orthonormal(moved, retraction)
    assert_allclose(value_of(p, field), x, atol=1e-12)


def orthonormal(z, kind):
    if kind == "polar":
        return scipy.linalg.polar(z)[0]
    q, r = np.linalg.qr(z)
    return q * (np.diagonal(r) / np.abs(np.diagonal(r)))


@fields
@shapes
@dtypes
def test_stiefel_muon_stays_and_solves_procrustes(field, shape, dtype):
    manifold = manifold_for(field, shape)
    matrices = manifold.matrices
    a = matrices.to_numpy(gaussian(field, shape, 1))
    best = scipy.linalg.polar(a)[0]
    start = scipy.linalg.polar(best + 0.2 * matrices.to_numpy(gaussian(field, shape, 2)))[0]
    p = parameter(matrices.from_numpy(start).astype(dtype), manifold, "X")
    rate = pytensor.shared(np.float64(0.1))
    goal = pt.as_tensor(matrices.from_numpy(best).astype(dtype))
    new = stiefel_muon([plain(p) - goal], [p], rate, momentum=0.5)
    step = step_of(new | {rate: 0.95 * rate})
    for _ in range(200):
        step()
    assert manifold.is_on(p.get_value())
    assert np.linalg.norm(value_of(p, field) - best) < 1e-3


@pytest.mark.parametrize("retraction", ["cayley", "exp"])
def test_stiefel_muon_on_the_group_takes_every_retraction(retraction):
    values = []
    for kind in ("polar", retraction):
        p = parameter(Unitary("real").random_point(5, 0, "float64"), Unitary("real"), "X")
        a = gaussian("real", (5, 5), 1)
        step_of(stiefel_muon([pt.as_tensor(a)], [p], 1e-3, retraction=kind))()
        assert p.manifold.is_on(p.get_value())
        values.append(p.get_value())
    assert_allclose(*values, atol=1e-8)


@dtypes
@pytest.mark.parametrize("size", [0.0, 1e30])
def test_stiefel_muon_with_no_and_with_huge_gradients(dtype, size):
    p = parameter(Stiefel().random_point((4, 2), 0, dtype), Stiefel(), "X")
    before = p.get_value()
    a = gaussian("complex", (4, 2), 1, dtype) * size
    step_of(stiefel_muon([pt.as_tensor(a)], [p], RATE))()
    assert p.manifold.is_on(p.get_value())
    if not size:
        assert_allclose(p.get_value(), before, atol=4 * np.finfo(dtype).eps)


@dtypes
def test_stiefel_muon_takes_no_step_along_a_normal_gradient(dtype):
    p = parameter(Stiefel().random_point((4, 2), 0, dtype), Stiefel(), "X")
    before = p.get_value()
    step_of(stiefel_muon([3 * plain(p)], [p], RATE))()
    assert_allclose(p.get_value(), before, atol=4 * np.finfo(dtype).eps)


def test_wrong_arguments_are_named():
    u = parameter(Unitary().random_point(3, 0, "float64"), Unitary(), name="u")
    s = parameter(Stiefel().random_point((3, 2), 0, "float64"), Stiefel(), name="s")
    y = parameter(Sphere("real").random_point((3, 1), 0, "float64"), Sphere("real"), name="y")
    b, k = parameter(np.ones(3), name="b"), parameter(np.ones((2, 2, 3, 3)), name="k")
    heavy = GeneralizedStiefel(2 * np.eye(3))
    w = parameter(heavy.random_point((3, 2), 0, "float64"), heavy, name="w")
    for p in (y, w):
        with pytest.raises(ValueError, match=f"landing: {p.name} must be on Unitary, Stiefel"):
            landing([p], [p], RATE)
    with pytest.raises(ValueError, match=r"epsilon must be in \(0, 1\) or None, got 1"):
        landing([u], [u], RATE, epsilon=1)
    with pytest.raises(ValueError, match="strength must be positive"):
        landing([u], [u], RATE, strength=0)
    with pytest.raises(ValueError, match="stiefel_muon updates Unitary"):
        muon([u], [u], RATE)
    with pytest.raises(ValueError, match=r"b must be one matrix \(m, n\) of the real field"):
        muon([b], [b], RATE)
    with pytest.raises(ValueError, match=r"k must be one matrix .* got shape \(2, 2, 3, 3\)"):
        muon([k], [k], RATE)
    with pytest.raises(ValueError, match="b must be on Unitary or Stiefel"):
        stiefel_muon([b], [b], RATE)
    with pytest.raises(ValueError, match="retraction must be 'polar' or 'qr'"):
        stiefel_muon([s], [s], RATE, retraction="exp")
    with pytest.raises(ValueError, match="steps must be a positive integer, got 0"):
        stiefel_muon([u], [u], RATE, steps=0)
    with pytest.raises(ValueError, match="kind must be one of 'polar', 'qr', got 'svd'"):
        project_after({u: u}, kind="svd")
    with pytest.raises(ValueError, match="every must be a positive integer, got 0"):
        project_after({u: u}, every=0)
    with pytest.raises(ValueError, match="no parameter of updates is on a manifold"):
        project_after({b: b})
    with pytest.raises(ValueError, match="b must have two or more axes"):
        project_after({b: b}, params=[b])
    with pytest.raises(ValueError, match="'qr' projects on Unitary and Stiefel, y is on Sphere"):
        project_after({y: y}, kind="qr")


def test_landing_moves_flat_parameters_as_sgd():
    b = parameter(np.ones(3), name="b")
    step_of(landing([2 * pt.ones(3)], [b], RATE))()
    assert_allclose(b.get_value(), 1 - 2 * RATE)


@fields
@shapes
@pytest.mark.parametrize("kind", ["polar", "qr"])
def test_project_after_makes_landing_a_projected_rule(field, shape, kind):
    manifold, a = manifold_for(field, shape), gaussian(field, shape, 1)
    p = parameter(manifold.random_point(shape, 0, "float64"), manifold, "X")
    rule = landing([pt.as_tensor(a)], [p], RATE)
    step, x = step_of(project_after(rule, kind=kind)), value_of(p, field)
    assert list(rule) == [p]
    for _ in range(2):
        step()
        moved = landing_reference(x, algebra(field).to_numpy(a), RATE, 1.0, 0.5)
        x = orthonormal(moved, kind)
        assert_allclose(value_of(p, field), x, atol=1e-12)


def test_project_after_every_third_step_and_its_counter():
    manifold = Unitary()
    p = parameter(manifold.random_point(3, 0, "float64"), manifold, "X")
    b = parameter(np.ones(2), name="b")
    rule = landing([plain(p) * 3], [p], RATE) | momentum([2 * b], [b], RATE)
    new = project_after(rule, every=3)
    (counter,) = (v for v in new if v.name == "X/project_after/step")
    assert rule.keys() | {counter} == new.keys()
    step, off = step_of(new), []
    for _ in range(6):
        p.set_value(p.get_value() * 1.01)
        step()
        off.append(manifold.deviation(p.get_value()) > 1e-6)
    assert off == [True, True, False] * 2
    assert counter.get_value() == 0


@pytest.mark.parametrize("shape", [(6, 2, 1, 2), (3, 2, 2, 2), (4, 4), (2, 5)])
@pytest.mark.parametrize("kind", ["polar", "qr"])
@dtypes
def test_project_after_flattens_named_flat_parameters(shape, kind, dtype):
    """Seed 004: kernels of convolutions as (out, rest)."""
    value = gaussian("real", shape, 0, dtype)
    p = parameter(value, name="kernel")
    rule = sgd([pt.as_tensor(gaussian("real", shape, 1, dtype))], [p], RATE)
    step_of(project_after(rule, params=[p], kind=kind))()
    flat = (value - np.asarray(RATE, dtype) * gaussian("real", shape, 1, dtype)).reshape(
        shape[0], -1
    )
    wide = flat.shape[0] < flat.shape[1]
    expected = orthonormal(flat.T, kind).T if wide else orthonormal(flat, kind)
    assert p.get_value().shape == shape
    assert p.get_value().dtype == dtype
    atol = 100 * np.finfo(dtype).eps
    assert_allclose(p.get_value().reshape(flat.shape), expected, atol=atol)


@pytest.mark.parametrize("shape", [(4, 2), (2, 4)])
def test_project_after_of_nothing_projects_what_is_stored(shape):
    p = parameter(gaussian("complex", shape, 0), Euclidean("complex"), "Z")
    z = value_of(p, "complex")
    step_of(project_after({}, params=[p]))()
    u, _, vh = np.linalg.svd(z, full_matrices=False)
    assert_allclose(value_of(p, "complex"), u @ vh, atol=1e-13)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
@pytest.mark.parametrize("mode", ["JAX", "PYTORCH"])
def test_other_backends_take_the_same_steps(mode):
    def trained(chosen):
        u = parameter(Unitary().random_point(3, 0, "float64"), Unitary(), "u")
        s = parameter(Stiefel("real").random_point((4, 2), 0, "float64"), Stiefel("real"), "s")
        w = parameter(gaussian("real", (3, 2), 0), name="w")
        grads = [
            pt.as_tensor(gaussian("complex", (3, 3), 1)),
            pt.as_tensor(gaussian("real", (4, 2), 1)),
        ]
        rule = landing(grads[:1], [u], RATE) | stiefel_muon(grads[1:], [s], RATE)
        rule |= muon([2 * w], [w], RATE)
        step = step_of(project_after(rule, every=2, params=[u, w]), mode=chosen)
        for _ in range(3):
            step()
        return [np.asarray(p.get_value()) for p in (u, s, w)]

    with the_mode(mode) as name:
        for ours, theirs in zip(trained("FAST_COMPILE"), trained(name), strict=True):
            assert_allclose(ours, theirs, atol=1e-12)
