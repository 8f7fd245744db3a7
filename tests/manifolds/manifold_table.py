"""All manifolds, a row each, and what their tests share: a new manifold is tested by its row."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from oracles import AS_WRITTEN, complex_normal

from unitarygraph.manifolds import (
    ComplexCircle,
    Euclidean,
    GeneralizedStiefel,
    Grassmann,
    Hermitian,
    Manifold,
    Oblique,
    PositiveDefinite,
    SkewHermitian,
    SpecialUnitary,
    Sphere,
    Stiefel,
    SymplecticStiefel,
    Unitary,
)


@dataclass(frozen=True)
class Row:
    """A manifold, the shape of its matrices, and what it declares."""

    manifold: Manifold
    shape: tuple[int, int]
    #: longest tangent that the battery wants back from log(exp); 0 where there is no logarithm
    log: float = 1.0
    #: whether gradients pass through the logarithm
    smooth_log: bool = True
    #: whether the transport takes the velocity of a geodesic to its velocity
    along_geodesics: bool = True
    #: whether steps of any length have an end that floats can hold
    bounded: bool = True
    #: whether X and X Q, Q unitary, are one point
    subspaces: bool = False
    #: whether `nearest` gives the nearest point, in the norm of the metric where that is constant
    nearest: bool = True
    #: methods that the manifold has not in closed form
    lacks: tuple[str, ...] = ()

    def __str__(self):
        return f"{self.manifold}-{self.shape[0]}x{self.shape[1]}"


def weight(n, field):
    """A positive definite matrix B."""
    z = complex_normal(np.random.default_rng(n), n, n)
    b = z @ z.conj().T / n + np.eye(n)
    return b if field == "complex" else b.real.copy()


def stiefel(manifold, shape):
    """A row of orthonormal columns, not square, with the Euclidean metric."""
    return Row(manifold, shape, log=0, along_geodesics=False)


def canonical(manifold, shape):
    """A row of orthonormal columns, not square, with the canonical metric."""
    return Row(manifold, shape, smooth_log=False, along_geodesics=False)


def symplectic(manifold, shape):
    """A row of symplectic matrices."""
    return Row(
        manifold,
        shape,
        log=0,
        along_geodesics=False,
        bounded=False,
        nearest=False,
        lacks=("exp", "log", "dist", "nearest"),
    )


B4, S4 = weight(4, "complex"), weight(4, "real")

ROWS = [
    Row(Unitary(), (4, 4)),
    Row(Unitary("real"), (5, 5)),
    Row(Unitary(), (1, 1)),
    Row(Unitary("real"), (1, 1)),
    Row(SpecialUnitary(), (3, 3)),
    Row(SpecialUnitary(), (1, 1)),
    Row(SpecialUnitary("real"), (3, 3)),
    stiefel(Stiefel(), (6, 3)),
    stiefel(Stiefel("real"), (5, 3)),
    stiefel(Stiefel(), (5, 1)),
    Row(Stiefel("real"), (4, 4), along_geodesics=False),
    canonical(Stiefel(metric="canonical"), (5, 2)),
    canonical(Stiefel("real", "canonical"), (5, 2)),
    canonical(Stiefel(metric="canonical"), (4, 3)),
    Row(Stiefel("real", "canonical"), (3, 3), along_geodesics=False),
    stiefel(GeneralizedStiefel(B4), (4, 2)),
    canonical(GeneralizedStiefel(S4, "real", "canonical"), (4, 2)),
    Row(Grassmann(), (5, 2), subspaces=True),
    Row(Grassmann("real"), (5, 3), subspaces=True),
    Row(Sphere(), (3, 2)),
    Row(Sphere("real"), (3, 2)),
    Row(Oblique(), (3, 2)),
    Row(Oblique("real"), (3, 4)),
    Row(Oblique(axis="columns"), (2, 3)),
    Row(Oblique("real", "columns"), (4, 2)),
    Row(ComplexCircle(), (3, 2)),
    Row(Hermitian(), (3, 3)),
    Row(Hermitian("real"), (3, 3)),
    Row(SkewHermitian(), (3, 3)),
    Row(SkewHermitian("real"), (3, 3)),
    Row(PositiveDefinite(), (3, 3), bounded=False, nearest=False),
    Row(PositiveDefinite("real"), (3, 3), bounded=False, nearest=False),
    symplectic(SymplecticStiefel(), (6, 4)),
    symplectic(SymplecticStiefel("real"), (6, 2)),
    symplectic(SymplecticStiefel("real"), (4, 4)),
    Row(Euclidean(), (4, 3)),
    Row(Euclidean("real"), (4, 3)),
]


# One complex row of each geometry.
FIRST = {
    (type(row.manifold), *(getattr(row.manifold, name, None) for name in ("metric", "axis"))): row
    for row in reversed(ROWS)
    if row.manifold.field == "complex"
}.values()


def table(rows=ROWS, others=()):
    """The test, once a row; with a mark where another row has the same geometry."""
    return pytest.mark.parametrize(
        "row", [pytest.param(r, id=str(r), marks=() if r in FIRST else others) for r in rows]
    )


def tol(dtype, row, factor=50):
    """Rounding of a row's matrices."""
    return float(factor * np.finfo(dtype).eps * max(row.shape))


@cache
def compiled(manifold, method, kind, signature):
    """A method as a function of arrays."""
    given = [pt.tensor(dtype=dtype, shape=shape) for shape, dtype in signature]
    options = {} if kind is None else {"kind": kind}
    output = getattr(manifold, method)(*given, **options)
    return pytensor.function(given, output, mode=AS_WRITTEN, on_unused_input="ignore")


def run(manifold, method, *arrays, kind=None):
    """Value of a method, compiled once for each shape and dtype."""
    signature = tuple((a.shape, a.dtype.name) for a in arrays)
    return compiled(manifold, method, kind, signature)(*arrays)


def ambient(row, rng, dtype="float64", batch=()):
    """Normal matrices of a row's shape, as stored."""
    manifold = row.manifold
    return manifold.store(manifold.normal_matrices((*batch, *row.shape), rng), dtype)


def drawn(row, rng, dtype="float64", count=2, batch=()):
    """A point and random tangents."""
    x = row.manifold.random_point((*batch, *row.shape), rng, dtype)
    given = [ambient(row, rng, dtype, batch) for _ in range(count)]
    return x, *(run(row.manifold, "proj", x, g) for g in given)


def shortened(row, x, u, length):
    """The tangent u, at most so long."""
    size = float(np.max(run(row.manifold, "norm", x, u)))
    return u if size <= length else (u * (length / size)).astype(u.dtype)


def seen(row, x):
    """The point as a matrix: of a subspace, the orthogonal projection on it."""
    z = row.manifold.load(x)
    return z @ np.conj(np.swapaxes(z, -1, -2)) if row.subspaces else z
