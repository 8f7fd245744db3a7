"""Dissolving maps: the identity on the manifold, blind to first order off it; and what they are for."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose
from oracles import AS_WRITTEN, complex_normal, evaluate, tolerance

import unitarygraph as ug
from unitarygraph import stacked
from unitarygraph.constraint_dissolving import dissolve, quad_penalty
from unitarygraph.manifolds import (
    ComplexCircle,
    Euclidean,
    GeneralizedStiefel,
    Grassmann,
    Oblique,
    Product,
    SpecialUnitary,
    Sphere,
    Stiefel,
    SymplecticStiefel,
    Unitary,
)
from unitarygraph.parameter import parameter
from unitarygraph.updates import adam

WEIGHT = complex_normal(np.random.default_rng(5), 6, 6)
WEIGHT = np.eye(6) + WEIGHT @ WEIGHT.conj().T / 6
# (manifold, shape): every one that dissolve knows, in both fields.
MANIFOLDS = [
    *((Unitary(field), (4, 4)) for field in ("complex", "real")),
    *((Stiefel(field), (5, 3)) for field in ("complex", "real")),
    (Stiefel("complex", "canonical"), (5, 3)),
    *((Grassmann(field), (5, 2)) for field in ("complex", "real")),
    (GeneralizedStiefel(WEIGHT), (6, 3)),
    (GeneralizedStiefel(WEIGHT.real, "real"), (6, 3)),
    *((SymplecticStiefel(field), (6, 4)) for field in ("complex", "real")),
    *((Sphere(field), (4, 3)) for field in ("complex", "real")),
    *(
        (Oblique(field, axis), (4, 3))
        for field in ("complex", "real")
        for axis in ("rows", "columns")
    ),
    (ComplexCircle(), (3, 2)),
]
manifolds = pytest.mark.parametrize(("manifold", "shape"), MANIFOLDS, ids=lambda v: str(v))


def functions(manifold, x):
    point = pt.tensor("x", dtype=x.dtype, shape=x.shape)
    outputs = [dissolve(point, manifold), quad_penalty(point, manifold)]
    return pytensor.function([point], outputs, mode=AS_WRITTEN)


@manifolds
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_points_stay_and_have_no_penalty(manifold, shape, dtype, rng):
    x = manifold.random_point((2, *shape), rng, dtype)
    value, penalty = functions(manifold, x)(x)
    eps = 10 * tolerance(dtype, 6)
    assert value.dtype == penalty.dtype == dtype
    assert value.shape == x.shape
    assert_allclose(value, x, rtol=0, atol=eps)
    assert penalty <= eps**2


@manifolds
def test_a_violation_is_undone_to_first_order(manifold, shape, rng):
    """C(A(x + tv)) is O(t^2), while C(x + tv) is O(t): finite differences along any direction."""
    x = manifold.random_point(shape, rng, "float64")
    f = functions(manifold, x)
    v = rng.standard_normal(x.shape)
    lengths = []
    for t in (1e-3, 3e-4, 1e-4):
        dissolved, before = f(x + t * v)
        _, after = f(dissolved)
        lengths.append((before**0.5 / t, after**0.5 / t**2))
    firsts, seconds = np.transpose(lengths)
    assert_allclose(firsts, firsts[-1], rtol=0.2)
    assert firsts[-1] > 0.1
    assert_allclose(seconds, seconds[-1], rtol=0.5)
    # The derivative itself, by a central difference.
    t = 1e-5
    end = [f(x + s * t * v)[0] for s in (1, -1)]
    violated = [f(a)[1] ** 0.5 for a in end]
    assert max(violated) / t < 1e-3 * firsts[-1]


@manifolds
def test_the_penalty_is_that_of_the_stored_deviation(manifold, shape, rng):
    x = manifold.random_point((3, *shape), rng, "float64") + 0.1 * rng.standard_normal(
        (3, *manifold.matrices.storage_shape(shape))
    )
    _, penalty = functions(manifold, x)(x)
    assert penalty == pytest.approx(np.sum(manifold.deviation(x) ** 2), rel=1e-10)


@pytest.mark.parametrize("field", ["complex", "real"])
def test_formulas_in_numpy(field, rng):
    def value(function, manifold, z):
        stored = manifold.matrices.from_numpy(z)
        result = evaluate(function(stored, manifold))
        return manifold.matrices.to_numpy(result) if result.ndim else result

    z = complex_normal(rng, 6, 4) if field == "complex" else rng.standard_normal((6, 4))
    z, zh = z / 3, z.conj().T / 3
    gram = zh @ z
    stiefel = z @ (1.5 * np.eye(4) - gram / 2)
    assert_allclose(value(dissolve, Stiefel(field), z), stiefel, atol=1e-14)
    penalty = np.sum(np.abs(gram - np.eye(4)) ** 2)
    assert value(quad_penalty, Stiefel(field), z) == pytest.approx(penalty)
    sphere = 2 * z / (1 + np.sum(np.abs(z) ** 2))
    assert_allclose(value(dissolve, Sphere(field), z), sphere, atol=1e-14)
    rows = 2 * z / (1 + np.sum(np.abs(z) ** 2, axis=1, keepdims=True))
    assert_allclose(value(dissolve, Oblique(field), z), rows, atol=1e-14)
    j6, j4 = (np.block([[0 * i, i], [-i, 0 * i]]) for i in (np.eye(3), np.eye(2)))
    symplectic = z @ (1.5 * np.eye(4) + j4 @ zh @ j6 @ z / 2)
    assert_allclose(value(dissolve, SymplecticStiefel(field), z), symplectic, atol=1e-14)
    penalty = np.sum(np.abs(zh @ j6 @ z - j4) ** 2)
    assert value(quad_penalty, SymplecticStiefel(field), z) == pytest.approx(penalty)


@pytest.mark.parametrize(
    ("manifold", "shape"), [pair for pair in MANIFOLDS if pair[0].field == "complex"], ids=str
)
def test_complex_variables_and_arrays_give_the_storages(manifold, shape, rng):
    x = manifold.random_point(shape, rng, "float64") + 0.1 * rng.standard_normal((2, *shape))
    value, penalty = functions(manifold, x)(x)
    z = stacked.to_complex(x)
    Z = ug.matrix(shape=shape, dtype="float64")
    outputs = [dissolve(Z, manifold), quad_penalty(Z, manifold), dissolve(z, manifold)]
    got, of_variable, of_array = ug.function([Z], outputs, mode=AS_WRITTEN)(z)
    for result in (got, of_array):
        assert_allclose(result, stacked.to_complex(value), rtol=0, atol=1e-14)
    assert of_variable == pytest.approx(penalty, rel=1e-14)


def test_a_product_is_dissolved_factor_by_factor(rng):
    factors, shapes = (Stiefel(), Product(Sphere("real"))), ((5, 3), ((4, 3),))
    manifold = Product(*factors)
    (x, (y,)) = manifold.random_point(shapes, rng, "float64")
    x, y = 1.1 * x, 1.2 * y
    one, (other,) = dissolve((ug.as_complex(stacked.to_complex(x)), (y,)), manifold)
    assert_allclose(evaluate(one.stacked), evaluate(dissolve(x, factors[0])), rtol=0, atol=1e-15)
    assert_allclose(evaluate(other), evaluate(dissolve(y, Sphere("real"))), rtol=0, atol=1e-15)
    parts = [quad_penalty(x, factors[0]), quad_penalty(y, Sphere("real"))]
    total = quad_penalty((x, (y,)), manifold)
    assert evaluate(total) == pytest.approx(sum(map(evaluate, parts)), rel=1e-14)
    with pytest.raises(ValueError, match=r"dissolve: X must have 2 entries on Product.*got 1"):
        dissolve((x,), manifold)
    with pytest.raises(TypeError, match="dissolve: manifold must be a Unitary"):
        dissolve((x, y), Product(Stiefel(), Euclidean("real")))


@pytest.mark.parametrize("field", ["complex", "real"])
def test_unknown_lengths(field, rng):
    planes = (2,) if field == "complex" else ()
    x = SymplecticStiefel(field).random_point((6, 4), rng, "float64")
    point = pt.tensor("x", dtype="float64", shape=(*planes, None, None))
    f = pytensor.function([point], dissolve(point, SymplecticStiefel(field)), mode=AS_WRITTEN)
    assert_allclose(f(x), x, atol=1e-12)


def test_an_unconstrained_rule_finds_the_orthogonal_procrustes_matrix(rng):
    """With the exact penalty the minimum of the dissolved loss is that on the manifold."""
    S = Stiefel("complex")
    target = S.random_point((5, 3), rng, "float64")
    X = parameter(S.random_point((5, 3), rng, "float64"), name="X")
    W = dissolve(X, S)
    loss = pt.sum(pt.square(W - target)) + 0.5 * quad_penalty(X, S)
    rate = pt.scalar("rate", dtype="float64")
    step = pytensor.function([rate], loss, updates=adam(loss, [X], rate), mode=AS_WRITTEN)
    for t in range(600):
        step(0.05 * 0.985**t)
    assert_allclose(evaluate(W), target, atol=1e-4)
    assert_allclose(X.get_value(), target, atol=1e-2)


def test_symplectic_points(rng):
    manifold = SymplecticStiefel("complex")
    x = manifold.random_point((3, 6, 4), rng, "float64")
    assert x.shape == (3, 2, 6, 4)
    assert manifold.is_on(x)
    assert np.linalg.norm(stacked.to_complex(x).imag) > 0.1
    assert (manifold.dim((6, 4)), SymplecticStiefel("real").dim((6, 4))) == (32, 18)
    with pytest.raises(ValueError, match="even number"):
        manifold.require_point(np.ones((2, 5, 3)))
    with pytest.raises(ValueError, match="even number"):
        manifold.random_point((6, 3))
    with pytest.raises(ValueError, match="as many rows as columns"):
        manifold.require_point(np.ones((2, 2, 4)))


@pytest.mark.parametrize("function", [dissolve, quad_penalty])
def test_what_cannot_be_dissolved_is_refused(function):
    name = function.__name__
    for manifold in (Euclidean(), SpecialUnitary(), "stiefel", Stiefel):
        with pytest.raises(TypeError, match=f"{name}: manifold must be a Unitary, Stiefel"):
            function(np.eye(3), manifold)
    with pytest.raises(ValueError, match=rf"{name}: X must be \(\.\.\., 2, m, n\)"):
        function(np.eye(3), Stiefel())
    with pytest.raises(ValueError, match=f"{name}: X must have square matrices"):
        function(np.ones((3, 2)), Unitary("real"))
    with pytest.raises(ValueError, match=rf"{name}: X is complex and the manifold real, Stiefel"):
        function(1j * np.eye(3), Stiefel("real"))
    with pytest.raises(TypeError, match="float32 or float64, got dtype int64"):
        function(np.eye(3, dtype="int64"), Stiefel("real"))
