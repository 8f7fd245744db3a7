"""Activations against NumPy's complex formulas and finite differences; what happens at zero."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from backend_modes import THIRD_PARTY, the_mode
from oracles import AS_WRITTEN, complex_normal
from pytensor.gradient import verify_grad

import unitarygraph as ug
from unitarygraph import recurrence
from unitarygraph.nn import ACTIVATIONS
from unitarygraph.ops.activations import MIXING, MODRELU_VARIANTS, RECURRENT, activate
from unitarygraph.stacked import from_complex, to_complex

pytestmark = [
    pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS"),
    *(pytest.mark.filterwarnings(line) for line in THIRD_PARTY),
]
BIAS = np.array([-0.5, 0.3, 0.1, -0.2])


def split(f):
    return lambda z: f(z.real) + 1j * f(z.imag)


def polar(modulus):
    """A function of the modulus, the phase kept."""
    return lambda z: modulus(abs(z)) * np.exp(1j * np.angle(z))


def sorted_by(size):
    """NumPy's sort of groups of neighbors, falling."""
    return lambda x: -np.sort(-x.reshape(*x.shape[:-1], -1, size), axis=-1).reshape(x.shape)


def modrelu_over(shift, beside):
    return lambda z: z * np.maximum(abs(z) + shift + BIAS, 0) / (abs(z) + shift + beside)


def under_root(eps, beside):
    def f(z):
        m = np.sqrt(abs(z) ** 2 + eps)
        return z * np.maximum(m + BIAS, 0) / (m + beside)

    return f


#: name and options, formula over the complex numbers
COMPLEX = {
    ("modrelu", ()): under_root(1e-5, 0),
    ("modrelu", (("variant", "urnn"),)): modrelu_over(0, 1e-5),
    ("modrelu", (("variant", "wisdom"),)): under_root(1e-5, 1e-5),
    ("modrelu", (("variant", "eunn"),)): modrelu_over(0.01, 0),
    ("modrelu", (("variant", "projunn"),)): modrelu_over(0, 1e-6),
    ("relu", ()): split(lambda x: np.maximum(x, 0)),
    ("crelu", ()): split(lambda x: np.maximum(x, 0)),
    ("zrelu", ()): lambda z: np.where((np.angle(z) >= 0) & (np.angle(z) <= np.pi / 2), z, 0),
    ("leaky_relu", ()): split(lambda x: np.where(x > 0, x, 0.1 * x)),
    ("leaky_relu", (("slope", 0.3),)): split(lambda x: np.where(x > 0, x, 0.3 * x)),
    ("cardioid", ()): lambda z: z * (1 + np.cos(np.angle(z))) / 2,
    ("hirose", ()): polar(np.tanh),
    ("hirose", (("m", 0.7),)): polar(lambda r: np.tanh(r / 0.49)),
    ("tanh", ()): split(np.tanh),
    ("identity", ()): lambda z: z,
    ("oplu", ()): split(sorted_by(2)),
    ("groupsort", ()): split(sorted_by(4)),
}
REAL = {
    ("modrelu", ()): lambda x: np.sign(x) * np.maximum(abs(x) + BIAS, 0),
    ("relu", ()): lambda x: np.maximum(x, 0),
    ("leaky_relu", (("slope", 0.3),)): lambda x: np.where(x > 0, x, 0.3 * x),
    ("hirose", (("m", 0.7),)): lambda x: np.tanh(x / 0.49),
    ("tanh", ()): np.tanh,
    ("identity", ()): lambda x: x,
    ("oplu", ()): sorted_by(2),
    ("groupsort", (("size", 1),)): lambda x: x,
    ("groupsort", (("size", 4),)): sorted_by(4),
}
CASES = [("complex", *case, f) for case, f in COMPLEX.items()]
CASES += [("real", *case, f) for case, f in REAL.items()]
IDS = [f"{field}-{name}-{dict(options)}" for field, name, options, _ in CASES]


def apply(name, options, z, field):
    bias = pt.constant(BIAS.astype(z.type.dtype)) if name == "modrelu" else None
    return activate(name, z, bias, field, **dict(options))


def points(field, rng):
    """Numbers of all sizes and quadrants, none near a kink, two on both sides of hirose's series."""
    z = complex_normal(rng, 5, 4)
    z[0, :2] = 0.004 + 0.003j, 0.008 - 0.009j
    z[z.real < -1] *= 3
    return z if field == "complex" else z.real


@pytest.mark.parametrize(("field", "name", "options", "formula"), CASES, ids=IDS)
def test_formula_and_gradient(rng, field, name, options, formula):
    z = points(field, rng)
    stored = from_complex(z) if field == "complex" else z
    symbol = pt.tensor(dtype="float64", shape=stored.shape)
    y = apply(name, options, symbol, field)
    assert y.type == symbol.type
    got = pytensor.function([symbol], y, mode=AS_WRITTEN)(stored)
    got = to_complex(got) if field == "complex" else got
    np.testing.assert_allclose(got, formula(z), rtol=1e-12, atol=1e-14)
    verify_grad(
        lambda z: apply(name, options, z, field),
        [stored],
        rng=rng,
        mode=AS_WRITTEN,
        no_debug_ref=False,
        rel_tol=2e-5,
        abs_tol=1e-6,
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_at_zero_and_for_the_smallest_numbers_all_is_finite(dtype):
    """Value 0 and a bounded gradient at 0, and neither NaN nor a jump to infinity on the way there."""
    sizes = np.array([0, 10, 1e3, 1e5, 1e9, 1e20, 1e30])[:, None] * np.finfo(dtype).tiny
    sizes = np.concatenate([sizes, [[1e-20], [1e-12], [1e-6]]])
    z = from_complex(sizes * np.exp(1j * np.array([0.3, 1.9, -0.8, 3.0]))).astype(dtype)
    symbol = pt.tensor(dtype=dtype, shape=z.shape)
    outputs = []
    for name, options in COMPLEX:
        y = apply(name, options, symbol, "complex")
        outputs += [y, pt.grad(y.sum(), symbol)]
    results = pytensor.function([symbol], outputs, mode=AS_WRITTEN)(z)
    for (name, options), y, slope in zip(COMPLEX, results[::2], results[1::2], strict=True):
        assert (y.dtype, slope.dtype) == (dtype, dtype), name
        assert np.isfinite(y).all(), name
        assert not y[:, 0].any(), name
        bound = 4e5 if name == "modrelu" else 3
        assert np.abs(slope).max() <= bound, (name, options)


def test_hirose_is_smooth_at_zero(rng):
    """dL/dz = conj-linear part 1/m^2 at 0; second derivatives there are those of the odd tanh: 0."""
    for dtype, m in (("float32", 2.0), ("float64", 0.5)):
        z = pt.tensor(dtype=dtype, shape=(2, 1, 3))
        weights = rng.standard_normal((2, 1, 3)).astype(dtype)
        slope = pt.grad(pt.sum(activate("hirose", z, field="complex", m=m) * weights), z)
        second = pt.grad(pt.sum(slope * weights), z)
        f = pytensor.function([z], [slope, second], mode=AS_WRITTEN)
        first, second = f(np.zeros((2, 1, 3), dtype))
        assert first.dtype == dtype
        np.testing.assert_allclose(first, weights / m**2, rtol=1e-6)
        np.testing.assert_array_equal(second, 0)


def test_the_scale_of_hirose_can_be_trained(rng):
    z, m = from_complex(complex_normal(rng, 3, 4)), rng.uniform(0.5, 1.5, 4)
    verify_grad(
        lambda z, m: activate("hirose", z, field="complex", m=m),
        [z, m],
        rng=rng,
        mode=AS_WRITTEN,
        no_debug_ref=False,
        rel_tol=2e-5,
    )


def test_float32_agrees_across_the_series_of_hirose(rng):
    radii = np.geomspace(1e-4, 1, 400)
    z = radii * np.exp(1j * rng.uniform(-np.pi, np.pi, 400))
    symbol = pt.tensor(dtype="float32", shape=(2, 1, 400))
    y = activate("hirose", symbol, field="complex")
    f = pytensor.function([symbol], [y, pt.grad(y.sum(), symbol)], mode=AS_WRITTEN)
    got, slope = f(from_complex(z[None]).astype("float32"))
    np.testing.assert_allclose(to_complex(got)[0], np.tanh(radii) * z / radii, rtol=1e-6)
    # d f = (tanh r / r) dz + (sech^2 r - tanh r / r) / r^2 z Re(conj(z) dz), its adjoint at 1 + i
    along = (z.real + z.imag) / radii**2
    flat = np.tanh(radii) / radii
    expected = flat * (1 + 1j) + (1 / np.cosh(radii) ** 2 - flat) * z * along
    np.testing.assert_allclose(to_complex(slope)[0], expected, rtol=1e-6, atol=1e-6)


# Ordinary graphs: where they compile slowly they are not compiled again at each run.
@pytest.mark.parametrize(
    "mode",
    ["JAX", *(pytest.param(name, marks=pytest.mark.slow) for name in ("NUMBA", "PYTORCH"))],
)
def test_backends_agree(rng, mode):
    z = from_complex(points("complex", rng))
    z[:, 1, 1] = 0
    symbol = pt.tensor(dtype="float64", shape=z.shape)
    names = [
        c for c in COMPLEX if c[0] in ("cardioid", "hirose", "zrelu", "leaky_relu", "groupsort")
    ]
    values = [apply(*case, symbol, "complex") for case in names]
    outputs = [*values, *pt.grad(sum(pt.sum(pt.sqr(v)) for v in values), [symbol])]
    expected = pytensor.function([symbol], outputs, mode=AS_WRITTEN)(z)
    if mode == "NUMBA":
        results = pytensor.function([symbol], outputs, mode=mode)(z)
    else:
        with the_mode(mode, stance="force_eager"):
            results = pytensor.function([symbol], outputs, mode=mode)(z)
    for got, right in zip(results, expected, strict=True):
        np.testing.assert_allclose(np.asarray(got), right, rtol=1e-10, atol=1e-12)


def test_the_tables_cover_all_and_the_one_op_refuses_the_others():
    assert {name for name, _ in COMPLEX} == set(ACTIVATIONS)
    assert {dict(o).get("variant", "root") for name, o in COMPLEX if name == "modrelu"} == set(
        MODRELU_VARIANTS
    )
    assert set(RECURRENT) < set(ACTIVATIONS)
    drive, W, h0 = np.ones((5, 3, 4)), np.eye(4), np.zeros((3, 4))
    with pytest.raises(ValueError, match=r"one of modrelu, .*, got 'hirose'"):
        recurrence(drive, W, h0, activation="hirose")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("gelu", {}, "activation must be one of modrelu, relu, crelu.*got 'gelu'"),
        ("zrelu", {}, "zrelu: needs the complex field, got 'real'; on the reals it is 'relu'"),
        ("crelu", {}, "crelu: needs the complex field"),
        ("cardioid", {}, "cardioid: needs the complex field"),
        ("modrelu", {"variant": "urnn"}, "modrelu: the real form has no variants, got 'urnn'"),
        ("groupsort", {"size": 3}, "groupsort: groups of 3 must divide the features, got 4"),
        ("groupsort", {"size": 0}, "groupsort: groups of 0 must divide"),
        ("modrelu", {"variant": "gru"}, "variant must be one of root, urnn.*got 'gru'"),
    ],
)
def test_what_has_no_meaning_is_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        activate(name, pt.tensor(dtype="float64", shape=(3, 4)), pt.zeros(4), "real", **options)


@pytest.mark.parametrize("ndim", range(4))
def test_complex_variables_and_arrays(rng, ndim):
    """Of any number of axes; the formulas are those of the tables above."""
    z = complex_normal(rng, *(3, 5, 4)[3 - ndim :])
    symbol = ug.ComplexVariable(pt.tensor(dtype="float64", shape=from_complex(z).shape).type, None)
    values, wanted = [], []
    for (name, options), formula in COMPLEX.items():
        if name in ("modrelu", *MIXING) and not ndim:  # a number has no neighbors
            continue
        bias = [pt.constant(BIAS)] if name == "modrelu" else []
        for given in (symbol, z):
            y = ACTIVATIONS[name](given, *bias, **dict(options))
            assert isinstance(y, ug.ComplexVariable), name
            assert y.complex_shape == z.shape
            values.append(y)
            wanted.append(formula(z))
    slope = ug.grad(abs(ACTIVATIONS["cardioid"](symbol)).sum(), symbol)
    *got, slope = ug.function([symbol], [*values, slope], mode=AS_WRITTEN)(z)
    assert slope.shape == z.shape
    for y, right in zip(got, wanted, strict=True):
        np.testing.assert_allclose(y, right, rtol=1e-12, atol=1e-14)


def test_groups_need_known_features_and_keep_their_order_where_equal():
    with pytest.raises(ValueError, match="oplu: groups of 2 must divide the features, got None"):
        activate("oplu", pt.matrix("z", dtype="float64"), field="real")
    z = pt.tensor(dtype="float64", shape=(4,))
    slope = pt.grad((activate("groupsort", z, field="real") * [1.0, 2, 3, 4]).sum(), z)
    f = pytensor.function([z], slope, mode=AS_WRITTEN)
    np.testing.assert_array_equal(f(np.zeros(4)), [1, 2, 3, 4])
    np.testing.assert_array_equal(f([1.0, 4, 4, 2]), [4, 1, 2, 3])


def test_a_complex_variable_is_not_real():
    with pytest.raises(ValueError, match="tanh: z is complex, got field='real'"):
        activate("tanh", ug.matrix("z", shape=(2, 2)), field="real")
