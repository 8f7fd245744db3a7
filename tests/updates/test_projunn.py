"""projUNN against NumPy, its cost read off the graph, its drift and its choices."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import scipy.linalg
from backend_modes import the_mode
from numpy.testing import assert_allclose
from oracles import AS_WRITTEN

from unitarygraph.core.layout import plain
from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.manifolds import Sphere, Stiefel, Unitary
from unitarygraph.parameter import parameter
from unitarygraph.stacked.algebra import algebra
from unitarygraph.stacked.ops import HConj, MatMul
from unitarygraph.updates import rmsprop, sgd
from unitarygraph.updates.projunn import low_rank_step, projunn

FIELDS = ("complex", "real")
fields = pytest.mark.parametrize("field", FIELDS)
kinds = pytest.mark.parametrize("kind", ["D", "T"])
samplers = pytest.mark.parametrize("sampler", ["lsi", "columns"])
RATE = 0.3


def stored(manifold, n, seed, dtype="float64"):
    return manifold.random_point(n, seed, dtype)


def gaussian(field, m, n, seed, dtype="float64"):
    matrices = algebra(field)
    z = np.random.default_rng(seed).standard_normal((2, m, n))
    return matrices.from_numpy(z[0] + 1j * z[1] if field == "complex" else z[0]).astype(dtype)


def new_value(p, g, steps=1, rate=RATE, mode=AS_WRITTEN, **options):
    f = pytensor.function(
        [], [], updates=projunn([pt.as_tensor(g)], [p], rate, **options), mode=mode
    )
    for _ in range(steps):
        f()
    return algebra(p.manifold.field).to_numpy(np.asarray(p.get_value()))


def skew(m):
    return (m - m.conj().T) / 2


def moved(kind, u, direction):
    """The definition: the nearest point of U - d, or U exp(-skew(U^H d))."""
    if kind == "D":
        return scipy.linalg.polar(u - direction)[0]
    return u @ scipy.linalg.expm(-skew(u.conj().T @ direction))


@fields
@kinds
@pytest.mark.parametrize("k", [1, 2, 3, 6])
def test_step_is_that_of_the_whole_matrix(field, kind, k):
    manifold, n = Unitary(field), 6
    u, a, b = stored(manifold, n, 0), gaussian(field, n, k, 1), gaussian(field, n, k, 2)
    step = low_rank_step(manifold.matrices, *map(pt.as_tensor, (u, -RATE * a, b)), kind)
    value = pytensor.function([], step, mode=AS_WRITTEN)()
    u, a, b, value = map(manifold.matrices.to_numpy, (u, a, b, value))
    assert_allclose(value, moved(kind, u, RATE * a @ b.conj().T), atol=1e-13)


@fields
@kinds
@samplers
def test_full_rank_is_the_projected_and_the_exponential_step(field, kind, sampler):
    manifold, n = Unitary(field), 5
    u, g = stored(manifold, n, 0), gaussian(field, n, n, 1)
    # Columns are taken by their norms: equal ones are all taken once.
    if sampler == "columns":
        g /= np.sqrt((g**2).sum(axis=tuple(range(g.ndim - 1)), keepdims=True))
    value = new_value(parameter(u, manifold, "U"), g, kind=kind, rank=n, sampler=sampler)
    u, g = map(manifold.matrices.to_numpy, (u, g))
    assert_allclose(value, moved(kind, u, RATE * g), atol=1e-13)
    if kind == "T":
        p = parameter(manifold.matrices.from_numpy(u), manifold, "U")
        rule = sgd([pt.as_tensor(manifold.matrices.from_numpy(g))], [p], RATE, retraction="exp")
        pytensor.function([], [], updates=rule, mode=AS_WRITTEN)()
        assert_allclose(value, manifold.matrices.to_numpy(p.get_value()), atol=1e-13)


@fields
@kinds
@samplers
def test_gradient_of_low_rank_is_met_exactly(field, kind, sampler):
    manifold, n, k = Unitary(field), 7, 1
    matrices = manifold.matrices
    u = stored(manifold, n, 0)
    a, b = (matrices.to_numpy(gaussian(field, n, k, seed)) for seed in (1, 2))
    g = matrices.from_numpy(a @ b.conj().T)
    value = new_value(parameter(u, manifold, "U"), g, kind=kind, rank=k, sampler=sampler)
    assert_allclose(value, moved(kind, matrices.to_numpy(u), RATE * a @ b.conj().T), atol=1e-13)


@fields
@samplers
def test_sampled_direction_is_a_projection_of_the_gradient(field, sampler):
    """For small rates U - U+ over the rate is skew of a part of G: it must descend, and be part."""
    manifold, n = Unitary(field), 8
    u, g = stored(manifold, n, 0), gaussian(field, n, n, 1)
    value = new_value(parameter(u, manifold, "U"), g, rate=1e-6, kind="T", rank=2, sampler=sampler)
    u, g = map(manifold.matrices.to_numpy, (u, g))
    turn = u.conj().T @ (u - value) / 1e-6
    part = np.linalg.matrix_rank(turn, tol=1e-4)
    assert part <= 4
    assert np.real(np.vdot(g, u @ turn)) > 0


def matrix_nodes(f):
    return [node for node in f.maker.fgraph.toposort() if isinstance(node.op, MatrixOp)]


@fields
@pytest.mark.parametrize(
    ("kind", "sampler", "rms"),
    [("D", "lsi", False), ("T", "columns", True), ("D", "columns", False)],
)
def test_no_work_of_order_n_cubed_is_in_the_graph(field, kind, sampler, rms):
    """Products are n x n by n x 2k at most, decompositions of n x 2k and 2k x 2k matrices."""
    n, k = 41, 2
    manifold = Unitary(field)
    p = parameter(stored(manifold, n, 0), manifold, "U")
    g = p.type("g")
    rule = projunn([g], [p], RATE, kind=kind, rank=k, sampler=sampler, rms=rms)
    f = pytensor.function([g], [], updates=rule, mode="FAST_RUN")
    products = 0
    for node in matrix_nodes(f):
        shapes = [x.type.shape[-2:] for x in node.inputs]
        if isinstance(node.op, MatMul):
            (rows, inner), (_, columns) = shapes
            assert rows * inner * columns <= 2 * k * n * n
            products += 1
        elif not isinstance(node.op, HConj):
            assert all(shape[-1] <= 2 * k for shape in shapes)
    assert products >= 4
    known = (MatrixOp, pt.elemwise.Elemwise, pt.elemwise.DimShuffle, pt.elemwise.CAReduce)
    rest = {
        type(node.op).__name__
        for node in f.maker.fgraph.toposort()
        if not isinstance(node.op, known)
    }
    # On newer PyTensors elementwise graphs are fused.
    rest -= {"FusedElemwise", "ScalarizedElemwise", "Composite", "ScalarFromTensor"}
    assert rest <= {"CumOp", "Join", "Subtensor", "Alloc", "AllocEmpty", "Split", "DeepCopyOp"}


@pytest.mark.parametrize(
    ("field", "kind", "sampler", "k"),
    [("complex", "D", "lsi", 3), ("real", "T", "lsi", 3), ("real", "D", "columns", 1)],
)
def test_drift_over_a_thousand_steps(field, kind, sampler, k):
    manifold, n = Unitary(field), 12
    p = parameter(stored(manifold, n, 0), manifold, "U")
    g = pt.as_tensor(gaussian(field, n, n, 1)) * pt.cos(3 * plain(p))
    new_value(p, g, steps=1000, rate=0.05, kind=kind, rank=k, sampler=sampler)
    assert manifold.deviation(p.get_value()) < 5e-14


@kinds
@samplers
@pytest.mark.parametrize("rms", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_gradient_no_step(kind, sampler, rms, dtype):
    manifold = Unitary()
    p = parameter(stored(manifold, 5, 0, dtype), manifold, "U")
    before = p.get_value()
    new_value(p, np.zeros_like(before), kind=kind, sampler=sampler, rms=rms)
    assert p.get_value().dtype == dtype
    assert_allclose(p.get_value(), before, atol=2 * np.finfo(dtype).eps)


@kinds
@samplers
@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_gradients_of_any_size_leave_it_unitary(kind, sampler, size):
    manifold = Unitary()
    p = parameter(stored(manifold, 5, 0, "float32"), manifold, "U")
    g = gaussian("complex", 5, 5, 1, "float32") * np.float32(size)
    new_value(p, g, kind=kind, sampler=sampler, rate=0.1)
    assert manifold.is_on(p.get_value())


@fields
@pytest.mark.parametrize(
    ("kind", "sampler", "rms"), [("D", "lsi", False), ("T", "columns", False), ("T", "lsi", True)]
)
def test_procrustes_is_solved(field, kind, sampler, rms):
    manifold, n = Unitary(field), 4
    target = manifold.matrices.to_numpy(stored(manifold, n, 0))
    away = skew(manifold.matrices.to_numpy(gaussian(field, n, n, 3)))
    start = target @ scipy.linalg.expm(away / 2)
    p = parameter(manifold.matrices.from_numpy(start), manifold, "U")
    before = np.linalg.norm(start - target)
    # A longer step than 1 in the spectral norm lets D change the sign of the determinant.
    rate = pytensor.shared(np.float64(0.02 if rms else 0.3))
    goal = pt.as_tensor(manifold.matrices.from_numpy(target))
    rule = projunn([plain(p) - goal], [p], rate, kind=kind, sampler=sampler, rms=rms)
    if rms:
        rule[rate] = 0.99 * rate
    f = pytensor.function([], [], updates=rule, mode=AS_WRITTEN)
    for _ in range(400):
        f()
    gap = np.linalg.norm(manifold.matrices.to_numpy(p.get_value()) - target)
    assert gap < (0.05 if rms else 1e-10) * before


@fields
def test_rms_divides_entries_by_their_moduli(field):
    manifold, n = Unitary(field), 4
    u, g = stored(manifold, n, 0), gaussian(field, n, n, 1)
    p = parameter(u, manifold, "U")
    value = new_value(p, g, steps=2, kind="T", rank=n, rms=True)
    u, g = map(manifold.matrices.to_numpy, (u, g))
    mean = 0
    for _ in range(2):
        mean = 0.99 * mean + 0.01 * np.abs(g) ** 2
        u = moved("T", u, RATE * g / (np.sqrt(mean) + 1e-8))
    assert_allclose(value, u, atol=1e-12)


@samplers
def test_choices_change_with_the_step_repeat_and_resume(sampler):
    manifold, n = Unitary(), 6
    g = gaussian("complex", n, n, 1)

    def trial(rng):
        p = parameter(stored(manifold, n, 0), manifold, "U")
        rule = projunn([pt.as_tensor(g)], [p], RATE, sampler=sampler, rng=rng)
        f = pytensor.function([], [], updates=rule, mode=AS_WRITTEN)
        (step,) = (v for v in rule if v.name == "U/projunn/step")
        return p, step, f

    p, _, f = trial(3)
    values = []
    for _ in range(4):
        f()
        values.append(p.get_value())
    q, other, resumed = trial(3)
    q.set_value(values[1])
    other.set_value(np.asarray(2))
    resumed()
    assert np.array_equal(q.get_value(), values[2])
    other.set_value(np.asarray(0))
    q.set_value(values[1])
    resumed()
    assert not np.allclose(q.get_value(), values[2])
    r, _, further = trial(4)
    further()
    assert not np.allclose(r.get_value(), values[0])


def test_phases_are_uniform_and_exact_in_float32():
    from scipy.stats import kstest

    from unitarygraph.updates.projunn import _weyl

    step = pt.lscalar()
    phases = {
        dtype: pytensor.function(
            [step], _weyl((2, 3), step, np.random.default_rng(0), dtype), mode=AS_WRITTEN
        )
        for dtype in ("float32", "float64")
    }
    drawn = np.array([phases["float64"](t) for t in range(500)])
    assert all(kstest(column, "uniform").pvalue > 0.01 for column in drawn.reshape(500, 6).T)
    late = 2**40 + 12345
    assert np.array_equal(phases["float32"](late), phases["float64"](late))


def test_batches_and_flat_parameters():
    manifold = Unitary()
    u = np.stack([stored(manifold, 5, seed) for seed in (0, 1)])
    g = np.stack([gaussian("complex", 5, 5, seed) for seed in (2, 3)])
    for sampler in ("lsi", "columns"):
        together = new_value(parameter(u, manifold, "U"), g, sampler=sampler)
        for i in (0, 1):
            alone = new_value(parameter(u[i], manifold, "U"), g[i], sampler=sampler)
            assert_allclose(together[i], alone, atol=1e-13)
    b = parameter(np.ones(3), name="b")
    for rms, rule in ((False, sgd), (True, rmsprop)):
        b.set_value(np.ones(3))
        new_value(b, 2 * np.ones(3), rms=rms)
        ours = b.get_value()
        b.set_value(np.ones(3))
        pytensor.function([], [], updates=rule([2 * pt.ones(3)], [b], RATE), mode=AS_WRITTEN)()
        assert_allclose(ours, b.get_value())


def test_wrong_arguments_are_named():
    manifold = Unitary()
    p = parameter(stored(manifold, 3, 0), manifold, "U")
    with pytest.raises(ValueError, match="kind must be one of 'D', 'T', got 'E'"):
        projunn([p], [p], RATE, kind="E")
    with pytest.raises(ValueError, match="sampler must be one of 'lsi', 'columns'"):
        projunn([p], [p], RATE, sampler="rows")
    for rank in (0, 4, 1.0):
        with pytest.raises(ValueError, match="rank must be an integer from 1 to 3"):
            projunn([p], [p], RATE, rank=rank)
    for other in (Stiefel(), Sphere("real")):
        x = parameter(other.random_point((3, 2), 0, "float64"), other, name="x")
        with pytest.raises(ValueError, match="x must be on Unitary or of flat space"):
            projunn([x], [x], RATE)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
@pytest.mark.parametrize("mode", ["JAX", "PYTORCH"])
def test_other_backends_take_the_same_steps(mode):
    manifold = Unitary()
    g = pt.as_tensor(gaussian("complex", 5, 5, 1))

    def trained(chosen):
        p, q = (parameter(stored(manifold, 5, 0), manifold, name) for name in "pq")
        rule = projunn([g], [p], RATE) | projunn(
            [g], [q], RATE, kind="T", sampler="columns", rms=True
        )
        f = pytensor.function([], [], updates=rule, mode=chosen)
        f()
        f()
        return [np.asarray(v.get_value()) for v in (p, q)]

    with the_mode(mode) as name:
        assert_allclose(trained("FAST_COMPILE"), trained(name), atol=1e-12)
