"""All parametrizations, a row each: a new one is tested by adding its row."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import parametrization_definitions_householder as products
import parametrization_definitions_structured as structured
import scipy.linalg

from unitarygraph.parametrizations import (
    SVD,
    Cayley,
    Diagonal,
    Dissolved,
    DynamicTrivialization,
    Exp,
    FourierReflection,
    Givens,
    Householder,
    Kronecker,
    NonNormal,
    ScaledCayley,
)
from unitarygraph.parametrizations.initializers import haar
from unitarygraph.stacked.algebra import algebra


def values(parametrization):
    """Values of params and state in double, by the last part of their names."""
    variables = [*parametrization.params, *parametrization.buffers]
    return {
        v.name.rpartition("/")[2]: np.array(v.get_value(), copy=True).astype("float64")
        for v in variables
    }


def matrices(parametrization):
    """As `values`, everything as NumPy complex (real) matrices as its field stores them."""
    load = algebra(parametrization.field).to_numpy
    axes = parametrization.matrices.axes
    return {k: load(v) if v.ndim >= axes else v for k, v in values(parametrization).items()}


def any_unitary(rng, n, field):
    """Haar-distributed in U(n), or O(n): for an inverse map that takes them all."""
    return haar(rng, n, field)


def special(rng, n, field):
    """As `any_unitary`, of determinant 1 in the real field."""
    W = haar(rng, n, field)
    if field == "real" and np.linalg.det(W) < 0:
        W[:, 0] *= -1
    return W


def stored_size(parametrization):
    """Sum of the sizes of all params."""
    return sum(p.get_value().size for p in parametrization.params)


@dataclass(frozen=True)
class Row:
    """A parametrization with what is known of it.

    ``make(n, field, dtype, rng)`` gives one, ``definition(parametrization)`` its W in NumPy from
    the formula, in double. ``count(n, field)`` is the number of free real parameters, which is
    compared with ``free(parametrization)``: by default the sizes of all params; a class that stores
    entries that it does not read counts those that it does. ``inverse(rng, n, field)`` draws a
    matrix that `set_value` must take, None where there is no inverse map. ``shift`` scales the
    random change of all params after which the laws are asked for again.
    """

    label: str
    make: Callable[..., Any]
    definition: Callable[[Any], np.ndarray]
    count: Callable[[int, str], int]
    sizes: tuple = (1, 2, 5)
    fields: tuple = ("complex", "real")
    free: Callable[[Any], int] = stored_size
    inverse: Callable | None = any_unitary
    unitary: bool = True
    shift: float = 0.5


def skew_of(upper):
    """Skew-Hermitian matrix of the upper triangle with its imaginary diagonal."""
    a = np.triu(upper, 1)
    a = a - a.conj().T
    return a + 1j * np.diag(np.diagonal(upper).imag) if np.iscomplexobj(a) else a


def skew_dimension(n, field):
    """Real dimension of the skew-Hermitian (skew) matrices."""
    return n * n if field == "complex" else n * (n - 1) // 2


def upper_entries(parametrization):
    """Entries that a stored upper triangle holds, its imaginary diagonal included."""
    return skew_dimension(parametrization.params[0].get_value().shape[-1], parametrization.field)


def exponential(parametrization):
    return scipy.linalg.expm(skew_of(matrices(parametrization)["A"]))


def cayley(parametrization):
    return cayley_of(skew_of(matrices(parametrization)["A"]))


def cayley_of(skew):
    """(I + A)^{-1} (I - A)."""
    identity = np.eye(len(skew))
    return np.linalg.inv(identity + skew) @ (identity - skew)


def cayley_trivialization(parametrization):
    known = matrices(parametrization)
    return known["base"] @ cayley_of(skew_of(known["A"]))


def scaled_cayley(parametrization):
    known = matrices(parametrization)
    d = np.exp(1j * known["theta"]) if parametrization.field == "complex" else known["D"]
    return cayley_of(skew_of(known["A"])) @ np.diag(d)


def trivialization(parametrization):
    known = matrices(parametrization)
    return known["base"] @ scipy.linalg.expm(skew_of(known["A"]))


def diagonal(parametrization):
    known = values(parametrization)
    return np.diag(np.exp(-np.exp(known.get("nu", -np.inf)) + 1j * np.exp(known["theta"])))


ROWS = [
    Row(
        label="exp",
        make=lambda n, field, dtype, rng: Exp(n, init="haar", field=field, rng=rng, dtype=dtype),
        definition=exponential,
        count=skew_dimension,
        free=upper_entries,
        inverse=special,
    ),
    Row(
        label="cayley",
        make=lambda n, field, dtype, rng: Cayley(n, init="haar", field=field, rng=rng, dtype=dtype),
        definition=cayley,
        count=skew_dimension,
        free=upper_entries,
        inverse=special,
    ),
    Row(
        label="dtriv",
        make=lambda n, field, dtype, rng: DynamicTrivialization(
            n, K=2, init="haar", field=field, rng=rng, dtype=dtype
        ),
        definition=trivialization,
        count=skew_dimension,
        free=upper_entries,
    ),
    Row(
        label="dtriv_cayley",
        make=lambda n, field, dtype, rng: DynamicTrivialization(
            n, K=2, init="haar", field=field, rng=rng, dtype=dtype, map="cayley"
        ),
        definition=cayley_trivialization,
        count=skew_dimension,
        free=upper_entries,
    ),
    Row(
        label="scaled_cayley",
        make=lambda n, field, dtype, rng: ScaledCayley(
            n, field=field, init="haar", rng=rng, dtype=dtype
        ),
        definition=scaled_cayley,
        count=lambda n, field: n * n + n if field == "complex" else n * (n - 1) // 2,
        free=lambda p: upper_entries(p) + sum(v.get_value().size for v in p.group("phase")),
    ),
    Row(
        label="householder",
        make=lambda n, field, dtype, rng: Householder(n, field=field, rng=rng, dtype=dtype),
        definition=products.householder,
        count=lambda n, field: n * n + 2 * n if field == "complex" else n * (n + 1) // 2,
        free=lambda p: p.free_parameters(),
        sizes=(1, 5),
    ),
    Row(
        label="householder_few",
        make=lambda n, field, dtype, rng: Householder(
            n, reflections=2, phases=False, normalize=True, field=field, rng=rng, dtype=dtype
        ),
        definition=products.householder,
        count=lambda n, field: 2 * n - 1,
        free=lambda p: p.free_parameters(),
        sizes=(5,),
        fields=("real",),
        inverse=products.few_reflections,
    ),
    Row(
        label="svd",
        make=lambda n, field, dtype, rng: SVD(n, margin=0.2, field=field, rng=rng, dtype=dtype),
        definition=products.svd,
        count=lambda n, field: 2 * n * n + 4 * n if field == "complex" else n * n + 2 * n,
        free=lambda p: p.free_parameters(),
        inverse=products.within_margin,
        unitary=False,
        sizes=(1, 5),
    ),
    Row(
        label="nonnormal",
        make=lambda n, field, dtype, rng: NonNormal(
            n, init="haar", field=field, rng=rng, dtype=dtype
        ),
        definition=products.nonnormal,
        count=lambda n, field: 2 * n * n + n if field == "complex" else n * n - n // 2,
        free=lambda p: p.free_parameters(),
        inverse=products.near_normal,
        unitary=False,
        sizes=(1, 5),
    ),
    Row(
        label="nonnormal_published",
        make=lambda n, field, dtype, rng: NonNormal(
            n, published=True, field=field, rng=rng, dtype=dtype
        ),
        definition=products.nonnormal,
        count=lambda n, field: n * n,
        free=lambda p: p.free_parameters(),
        fields=("real",),
        sizes=(5,),
        inverse=lambda rng, n, field: rng.standard_normal((n, n)),
        unitary=False,
    ),
    Row(
        label="kronecker",
        make=lambda n, field, dtype, rng: Kronecker(n, field=field, rng=rng, dtype=dtype),
        definition=products.kronecker,
        count=lambda n, field: 24 if field == "complex" else 12,
        sizes=(8,),
        inverse=products.kronecker_product(lambda n: (2,) * (n.bit_length() - 1)),
        unitary=False,
    ),
    Row(
        label="kronecker_exp",
        make=lambda n, field, dtype, rng: Kronecker(
            n, factors=(3, 2), constraint="exp", field=field, rng=rng, dtype=dtype
        ),
        definition=products.kronecker,
        count=lambda n, field: 13,
        free=lambda p: p.free_parameters(),
        sizes=(6,),
        fields=("complex",),
        inverse=products.kronecker_product(lambda n: (3, 2)),
    ),
    Row(
        label="dissolved",
        make=lambda n, field, dtype, rng: Dissolved(n, field=field, rng=rng, dtype=dtype),
        definition=products.dissolved,
        count=lambda n, field: 2 * n * n if field == "complex" else n * n,
        unitary=False,
        sizes=(1, 5),
    ),
    Row(
        label="fourier_reflection",
        make=lambda n, field, dtype, rng: FourierReflection(n, field=field, rng=rng, dtype=dtype),
        definition=structured.fourier_reflection,
        count=lambda n, field: 7 * n,
        fields=("complex",),
        sizes=(1, 2, 6),
        inverse=None,
    ),
    Row(
        label="givens",
        make=lambda n, field, dtype, rng: Givens(n, capacity=n, field=field, rng=rng, dtype=dtype),
        definition=structured.givens,
        count=lambda n, field: n * n if field == "complex" else n * (n - 1) // 2,
        free=lambda p: p.free_parameters(),
        sizes=(1, 2, 5, 6),
        inverse=special,
    ),
    Row(
        label="givens_few",
        make=lambda n, field, dtype, rng: Givens(
            n, capacity=3, diagonal="first", field=field, rng=rng, dtype=dtype
        ),
        definition=structured.givens,
        count=lambda n, field: structured.givens_count(n, 3, field),
        free=lambda p: p.free_parameters(),
        sizes=(5, 6),
        inverse=None,
    ),
    Row(
        label="givens_fft",
        make=lambda n, field, dtype, rng: Givens(n, style="fft", field=field, rng=rng, dtype=dtype),
        definition=structured.givens,
        count=lambda n, field: (
            n * (n.bit_length() - 1) + n if field == "complex" else n * (n.bit_length() - 1) // 2
        ),
        sizes=(1, 2, 8),
        inverse=None,
    ),
    Row(
        label="diagonal",
        make=lambda n, field, dtype, rng: Diagonal(n, r_min=0.3, r_max=0.95, rng=rng, dtype=dtype),
        definition=diagonal,
        count=lambda n, field: 2 * n,
        fields=("complex",),
        sizes=(1, 5),
        inverse=lambda rng, n, field: np.diag(
            rng.uniform(0.1, 0.99, n) * np.exp(1j * rng.uniform(-np.pi, np.pi, n))
        ),
        unitary=False,
    ),
    Row(
        label="diagonal_one",
        make=lambda n, field, dtype, rng: Diagonal(n, modulus="one", rng=rng, dtype=dtype),
        definition=diagonal,
        count=lambda n, field: n,
        fields=("complex",),
        sizes=(5,),
        inverse=lambda rng, n, field: np.diag(np.exp(1j * rng.uniform(-np.pi, np.pi, n))),
    ),
]
