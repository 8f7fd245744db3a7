"""Structured products: Fourier transforms, layers of rotations, and cells that apply them."""

from functools import reduce

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose
from oracles import AS_WRITTEN, complex_normal

import unitarygraph as ug
from unitarygraph.nn import RecurrentCell
from unitarygraph.parametrizations import Exp, FourierReflection, Givens
from unitarygraph.parametrizations.initializers import haar

MODE = AS_WRITTEN
MAKE = {
    "fourier_reflection": lambda: FourierReflection(6, rng=1, dtype="float64"),
    "givens": lambda: Givens(5, capacity=3, rng=1, dtype="float64"),
    "givens_fft": lambda: Givens(8, style="fft", rng=1, dtype="float64"),
    "givens_real": lambda: Givens(6, capacity=2, field="real", rng=1, dtype="float64"),
}


@pytest.mark.parametrize("name", MAKE)
def test_a_cell_with_factors_in_each_step_is_the_cell_with_one_matrix(name, rng):
    x = pt.tensor("x", dtype="float64", shape=(4, 3, 2))
    results = []
    for structured in (True, False):
        cell = RecurrentCell(MAKE[name](), 2, structured=structured, rng=2)
        assert cell.structured == structured
        states = cell(x)
        weights = np.cos(np.arange(states[-1].type.shape[-1]))
        gradients = pytensor.grad((states * weights).sum(), cell.params)
        results.append(pytensor.function([x], [states, *gradients], mode=MODE))
    value = rng.standard_normal(x.type.shape)
    for one, other in zip(*(f(value) for f in results), strict=True):
        assert_allclose(one, other, rtol=0, atol=1e-12 * max(1, np.abs(other).max()))


def test_who_changes_the_product_changes_the_recurrence(rng):
    class Turned(Givens):
        def product(self, h):
            return -super().product(h)

    x = pt.as_tensor(rng.standard_normal((3, 2, 2)))
    states = [
        RecurrentCell(kind(4, dtype="float64", rng=1), 2, structured=structured, rng=2)(x)
        for kind in (Turned, Givens)
        for structured in (True, False)
    ]
    turned, dense, other, _ = pytensor.function([], states, mode=MODE)()
    assert_allclose(turned, dense, atol=1e-14)
    assert np.abs(turned - other).max() > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("name", MAKE)
def test_products_and_gradients_in_compiled_code(name, rng):
    p = MAKE[name]()
    shape = p.matrices.storage_shape((2, 3, p.n))
    h = pt.tensor("h", dtype="float64", shape=shape)
    y = p.apply(h)
    outputs = [y, *pytensor.grad((y**3).sum(), [h, *p.params])]
    value = rng.standard_normal(shape)
    found, wanted = (pytensor.function([h], outputs, mode=mode)(value) for mode in ("NUMBA", MODE))
    for one, other in zip(found, wanted, strict=True):
        assert_allclose(one, other, rtol=0, atol=1e-12 * max(1, np.abs(other).max()))


def test_butterflies_with_one_angle_a_layer_are_a_kronecker_product(rng):
    """Layer l of the FFT form turns the l-th binary digit of the index, the highest first."""
    p = Givens(16, style="fft", field="real", dtype="float64", rng=0)
    angles = rng.uniform(-np.pi, np.pi, 4)
    p.params[0].set_value(np.repeat(angles[:, None], 8, axis=1))
    turns = [np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]]) for t in angles]
    assert_allclose(p.value(), reduce(np.kron, turns), atol=1e-14)


def tangent_rank(p):
    """Dimension that W moves in when all parameters do, by differences."""
    columns, h = [], 1e-6
    for v in p.params:
        value = v.get_value()
        for index in np.ndindex(value.shape):
            ends = []
            for s in (h, -h):
                moved = value.copy()
                moved[index] += s
                v.set_value(moved)
                ends.append(p.value())
            v.set_value(value)
            slope = (ends[0] - ends[1]) / (2 * h)
            columns.append(np.concatenate([slope.real.ravel(), np.imag(slope).ravel()]))
    return np.linalg.matrix_rank(np.array(columns), tol=1e-6)


@pytest.mark.parametrize(
    ("options", "dimension"),
    [
        ({}, 16),
        ({"diagonal": "first"}, 13),
        ({"field": "real"}, 6),
        ({"capacity": 2}, 2 * 3 + 4),
        ({"style": "fft"}, 2 * 4 + 4),
    ],
    ids=str,
)
def test_n_layers_reach_a_neighborhood_of_every_unitary_matrix(options, dimension):
    p = Givens(4, **{"capacity": 4, "dtype": "float64", "rng": 3} | options)
    assert tangent_rank(p) == dimension
    if options.get("diagonal") != "first":
        assert p.free_parameters() == dimension


def test_layers_beyond_n_become_the_identity(rng):
    p = Givens(5, capacity=8, dtype="float64", rng=0)
    W = haar(rng, 5)
    p.set_value(W)
    assert_allclose(p.value(), W, atol=1e-13)
    assert_allclose(p.params[0].get_value()[5:], 0)
    with pytest.raises(NotImplementedError, match="no inverse map for style 'fft'"):
        Givens(4, style="fft", rng=0).set_value(np.eye(4))
    with pytest.raises(NotImplementedError, match="diagonal 'first'"):
        Givens(4, capacity=4, diagonal="first", rng=0).set_value(np.eye(4))


def test_gradient_of_many_layers_in_single_precision(rng):
    """The backward pass rebuilds the states of 300 layers from the last, to rounding."""
    found = []
    for dtype in ("float64", "float32"):
        p = Givens(12, capacity=300, rng=4, dtype=dtype)
        h = pt.as_tensor(np.random.default_rng(1).standard_normal((2, 3, 12)).astype(dtype))
        f = pytensor.function([], pytensor.grad((p.apply(h) ** 3).sum(), p.params), mode=MODE)
        found.append(f())
    for double, single in zip(*found, strict=True):
        assert single.dtype == "float32"
        assert_allclose(single, double, rtol=0, atol=2e-4 * np.abs(double).max())


def test_second_derivatives_need_the_number_of_layers():
    h = pt.tensor("h", dtype="float64", shape=(2, 3, 4))
    theta = pt.tensor("theta", dtype="float64", shape=(None, 2))
    gradient = pytensor.grad((ug.rotations(h, theta, theta) ** 3).sum(), theta)
    with pytest.raises(NotImplementedError, match="static numbers of layers"):
        pytensor.grad(gradient.sum(), theta)


def test_fourier_transforms_invert_each_other(rng):
    z = complex_normal(rng, 4, 6)
    h = pt.as_tensor(ug.stacked.from_complex(z))
    forth, back = pytensor.function([], [ug.dft(h), ug.dft(ug.dft(h), True)], mode=MODE)()
    assert_allclose(ug.stacked.to_complex(forth), np.fft.fft(z, norm="ortho"), atol=1e-13)
    assert_allclose(ug.stacked.to_complex(back), z, atol=1e-13)


@pytest.mark.parametrize(("n", "style"), [(2, "tunable"), (4, "fft")])
def test_a_single_row_is_left_as_it_was(n, style, rng):
    row, theta = rng.standard_normal((1, n)), rng.standard_normal((n // 2, n // 2))
    h = pt.tensor("h", dtype="float64", shape=(1, n))
    f = pytensor.function([h], ug.rotations(h, theta, style=style), mode=MODE)
    kept = row.copy()
    turned = f(row)
    np.testing.assert_array_equal(row, kept)
    assert np.abs(turned - row).max() > 0.1


def test_clear_errors():
    with pytest.raises(ValueError, match="FourierReflection: field must be 'complex', got 'real'"):
        FourierReflection(4, field="real")
    with pytest.raises(ValueError, match="power of 2, got n = 6"):
        Givens(6, style="fft")
    with pytest.raises(ValueError, match="style: expected one of tunable, fft, got 'butterfly'"):
        Givens(4, style="butterfly")
    with pytest.raises(ValueError, match="capacity: expected an integer of at least 1, got 0"):
        Givens(4, capacity=0)
    with pytest.raises(ValueError, match="diagonal: expected 'last' or 'first', got 'middle'"):
        Givens(4, diagonal="middle")
    h, theta = np.zeros((3, 4)), np.zeros((2, 3))
    with pytest.raises(ValueError, match="n // 2"):
        ug.rotations(h, theta)
    with pytest.raises(ValueError, match="2\\^layers"):
        ug.rotations(h, theta[:1, :2], style="fft")
    with pytest.raises(ValueError, match="style must be one of"):
        ug.rotations(h, theta[:, :2], style="other")


def test_the_choice_goes_by_n_and_layers():
    assert not Exp(4, rng=0).prefers_structure()
    large, small = FourierReflection.structured_from, FourierReflection.structured_from - 1
    assert FourierReflection(large, rng=0).prefers_structure()
    assert not FourierReflection(small, rng=0).prefers_structure()
    assert FourierReflection(large, rng=0).prefers_structured_recurrence()
    for n, prefers in (
        (Givens.scanned_from, Givens.prefers_structure),
        (Givens.structured_from, Givens.prefers_structured_recurrence),
    ):
        assert prefers(Givens(n, capacity=2, rng=0))
        assert not prefers(Givens(n - 2, capacity=2, rng=0))
        assert not prefers(Givens(n, capacity=n, rng=0))
    n = Givens.structured_from
    for activation, structured in (("modrelu", True), ("cardioid", False)):
        cell = RecurrentCell(Givens(n, rng=0), 2, activation=activation, rng=0)
        assert cell.structured == structured
