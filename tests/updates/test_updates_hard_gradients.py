"""No rule leaves a parameter off its manifold: gradients of zero, huge, NaN, normal."""

import numpy as np
import pytensor
import pytest
from numpy.testing import assert_allclose
from oracles import AS_WRITTEN

from unitarygraph import updates
from unitarygraph.manifolds import Manifold, Oblique, Sphere, Stiefel, Unitary
from unitarygraph.parameter import parameter

#: `landing` is near its manifold between steps, not on it
RULES = {name: rule for name, rule in updates.RULES.items() if name != "landing"}
#: they approximate the gradient or make any step as long: a normal one moves the point
MOVED_BY_NORMALS = ("projunn", "stiefel_muon")
#: manifold, shape, dtype
POINTS = {
    "unitary": (Unitary(), (4, 4), "float64"),
    "orthogonal": (Unitary("real"), (3, 3), "float32"),
    "stiefel": (Stiefel(), (5, 2), "float32"),
    "sphere": (Sphere(), (2, 3), "float64"),
    "oblique": (Oblique("real"), (3, 4), "float32"),
}
CASES = [
    (rule, point)
    for rule in RULES
    for point, (manifold, *_) in POINTS.items()
    if isinstance(manifold, getattr(RULES[rule], "manifolds", Manifold))
]
cases = pytest.mark.parametrize(("rule", "point"), CASES)
RETRACTIONS = ("qr", "polar", "cayley", "exp")


def normal_gradient(manifold, x, rng):
    """A gradient across the tangent space."""
    if isinstance(manifold, Unitary | Stiefel):
        z = manifold.load(x)
        s = manifold.normal_matrices((z.shape[-1],) * 2, rng)
        return manifold.store(z @ (s + s.conj().T), x.dtype)
    weights = rng.standard_normal((x.shape[-2], 1)) if isinstance(manifold, Oblique) else 3.0
    return (weights * x).astype(x.dtype)


def program(rule, manifold, shape, dtype, retraction=None):
    """The parameter, and a function that takes a gradient and makes a step."""
    p = parameter(manifold.random_point(shape, 0, dtype), manifold, name="p")
    g = p.type("gradient")
    options = {} if retraction is None else {"retraction": retraction}
    new = RULES[rule]([g], [p], 0.1, **options)
    return p, pytensor.function([g], [], updates=new, mode=AS_WRITTEN)


def nothing_but_nan_or_a_point(p):
    value = p.get_value()
    return np.isnan(value).all() or p.manifold.is_on(value)


@cases
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_no_gradient_leads_off_the_manifold(rule, point, rng):
    manifold, shape, dtype = POINTS[point]
    p, step = program(rule, manifold, shape, dtype)
    x = p.get_value()
    rounding = 100 * np.finfo(dtype).eps
    step(np.zeros_like(x))
    assert_allclose(p.get_value(), x, rtol=0, atol=rounding)
    for _ in range(3):
        step(normal_gradient(manifold, p.get_value(), rng))
    if rule not in MOVED_BY_NORMALS:
        assert_allclose(p.get_value(), x, rtol=0, atol=rounding)
    for size in (1, 1e30, 1):
        step((size * rng.standard_normal(x.shape)).astype(dtype))
        assert nothing_but_nan_or_a_point(p)
    # Squares of 1e30 are infinite in single precision, where Adam-G stops with NaN.
    if rule != "adam_g" or dtype == "float64":
        assert manifold.is_on(p.get_value())
    step(np.full_like(x, np.nan))
    assert np.isnan(p.get_value()).all()


@pytest.mark.parametrize("retraction", RETRACTIONS)
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_no_retraction_leads_off_the_manifold(retraction, point, rng):
    manifold, shape, dtype = POINTS[point]
    p, step = program("momentum", manifold, shape, dtype, retraction)
    x = p.get_value()
    g = rng.standard_normal(x.shape)
    for size in (0, 1, 1e5, 1e30, 1):
        step((size * g).astype(dtype))
        assert nothing_but_nan_or_a_point(p), size
