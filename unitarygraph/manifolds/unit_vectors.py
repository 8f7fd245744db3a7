r"""Spheres and products of spheres: matrices whose vectors x have length 1.

`UnitVectors` is what they share. A subclass says over which axes of a stored point one vector runs;
everything there is a formula of one sphere, broadcast over the other axes. The functions of r = |u|
below are power series in q = r^2 near zero, so that derivatives of any order are right there;
elsewhere they are functions of r itself, since q may overflow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import disconnected_grad
from pytensor.tensor.variable import TensorVariable

from unitarygraph.manifolds.base import Manifold, Retraction
from unitarygraph.stacked.algebra import algebra
from unitarygraph.stacked.typing import Array, M, Seed, Value

#: below this argument the first terms of a series are exact to rounding in double
SMALL = 1e-3

COSINE = (1, -1 / 2, 1 / 24, -1 / 720, 1 / 40320)
SINC = (1, -1 / 6, 1 / 120, -1 / 5040, 1 / 362880)
ANGLE_OVER_SINE = (1, 2 / 3, 8 / 15, 16 / 35, 128 / 315, 256 / 693)


def piecewise(q, coefficients, r, otherwise):
    """Sum of c_k q^k where q < `SMALL`, elsewhere ``otherwise(r)``; differentiable in both."""
    small = pt.lt(q, np.asarray(SMALL, q.type.dtype))
    near = pt.switch(small, q, pt.zeros_like(q))
    far = pt.switch(small, np.asarray(0.5, r.type.dtype), r)
    value = pt.zeros_like(q)
    for c in reversed(coefficients):
        value = value * near + np.asarray(c, q.type.dtype)
    return pt.switch(small, value, otherwise(far))


def angle_over_sine(s):
    r""":math:`\theta / \sin\theta` from :math:`s = \sin^2(\theta/2)`; infinite at s = 1."""

    def far(s):
        c = pt.maximum(1 - s, 0)
        return pt.arctan2(pt.sqrt(s), pt.sqrt(c)) / pt.sqrt(s * c)

    return piecewise(s, ANGLE_OVER_SINE, s, far)


def by_normalizing(manifold, x, u):
    """x + u with every vector divided by its length: the nearest point."""
    return manifold.normalized(x + u)


def by_cayley(manifold, x, u):
    r"""Rotation by :math:`2 \arctan(|u|/2)`: :math:`((1 - q/4) x + u) / (1 + q/4)`, q = |u|^2."""
    # A factor c^2 that the division by the length takes off again, so that no square overflows.
    length = manifold.lengths(u)
    c = disconnected_grad(pt.maximum(length, pt.ones_like(length)))
    v = u / c
    quarter = manifold.pairing(v, v) * np.asarray(0.25, u.type.dtype)
    return manifold.normalized((pt.square(1 / c) - quarter) * x + v / c)


def by_exp(manifold, x, u):
    """Great circle x cos|u| + u sin|u|/|u|."""
    q, r = manifold.pairing(u, u), manifold.lengths(u)
    cosine = piecewise(q, COSINE, r, pt.cos)
    sinc = piecewise(q, SINC, r, lambda r: pt.sin(r) / r)
    return manifold.normalized(cosine * x + sinc * u)


RETRACTIONS = {
    "normalize": Retraction(2, by_normalizing),
    "cayley": Retraction(2, by_cayley),
    "exp": Retraction(2, by_exp),
}


@dataclass(frozen=True)
class UnitVectors(Manifold):
    r"""Points whose vectors along `vector_axes` have length 1.

    Tangent space: :math:`\langle x, u\rangle = 0` for each vector; metric Re tr(u^H v).
    """

    retraction_table: ClassVar[Mapping[str, Retraction]] = RETRACTIONS
    isometric_transport: ClassVar[bool] = True

    def vector_axes(self, ndim):
        """Axes, counted from the end, that one vector of a stored point with ``ndim`` axes takes."""
        raise NotImplementedError(f"{self} has no vector_axes")

    def vectors(self, shape):
        """Number of unit vectors of a matrix and the number of real coordinates of one of them."""
        raise NotImplementedError(f"{self} has no vectors")

    def pairing(self, x, y):
        """Inner product of each vector of x with that of y, broadcasting against both."""
        return (x * y).sum(axis=self.vector_axes(x.type.ndim), keepdims=True)

    def lengths(self, x):
        """Length of each vector, broadcasting against x; free of overflow, gradient zero at zero."""
        axes = self.vector_axes(x.type.ndim)
        others = [axis for axis in range(-x.type.ndim, 0) if axis not in axes]
        flat = x.transpose(*(axis + x.type.ndim for axis in (*others, *axes)))
        flat = pt.shape_padaxis(flat, -2) if len(axes) == 1 else flat
        length = algebra("complex" if len(axes) == 3 else "real").norm(flat)
        return pt.expand_dims(length, axes)

    def normalized(self, x):
        """Each vector divided by its length; NaN where that is zero."""
        return x / self.lengths(x)

    def proj(self, x: M | Array, g: M | Array) -> M:
        r""":math:`g - \langle x, g\rangle x` for each vector."""
        x, g = self.arguments("proj", x=x, g=g)
        return g - self.pairing(x, g) * x

    def ehess2rhess(self, x: M | Array, egrad: M | Array, ehess: M | Array, u: M | Array) -> M:
        r""":math:`P_x(H - \langle x, g\rangle u)` for each vector, P the projection."""
        x, egrad, ehess, u = self.arguments("ehess2rhess", x=x, egrad=egrad, ehess=ehess, u=u)
        return self.proj(x, ehess - self.pairing(x, egrad) * u)

    def log(self, x: M | Array, y: M | Array) -> M:
        r""":math:`\frac{\theta}{\sin\theta}(y - \langle x, y\rangle x)`, :math:`\theta` the angle.

        NaN or arbitrary at antipodes, where no shortest geodesic is the only one.
        """
        x, y = self.arguments("log", x=x, y=y)
        s = self.pairing(y - x, y - x) * np.asarray(0.25, x.type.dtype)
        return angle_over_sine(s) * self.proj(x, y - x)

    def dist(self, x: Value, y: Value) -> TensorVariable:
        """Root of the sum of squared angles, one number a matrix."""
        x, y = self.arguments("dist", x=x, y=y)
        angles = 2 * pt.arctan2(self.lengths(y - x), self.lengths(y + x))
        if self.field == "complex" and x.type.ndim >= self.matrices.axes:
            angles = angles.squeeze(axis=-3)
        return algebra("real").norm(pt.shape_padleft(angles, max(2 - angles.type.ndim, 0)))

    def transport(self, x: M | Array, y: M | Array, v: M | Array) -> M:
        r"""Parallel along the shortest geodesic: :math:`v - 2\langle z, v\rangle z / |z|^2`, z = x + y.

        It keeps inner products; v itself at antipodes.
        """
        x, y, v = self.arguments("transport", x=x, y=y, v=v)
        z = x + y
        square = self.pairing(z, z)
        safe = pt.switch(pt.eq(square, 0), pt.ones_like(square), square)
        return v - 2 * self.pairing(z, v) / safe * z

    def mean_square(self, x: Value, u: Value) -> TensorVariable:
        """Square of each vector's length over its sphere's dimension, broadcasting against u."""
        x, u = self.arguments("mean_square", x=x, u=u)
        axes = self.vector_axes(u.type.ndim)
        size = int(np.prod([u.type.shape[axis] or 0 for axis in axes]))
        if not size:
            raise ValueError(f"mean_square: the shape of u must be known, got {u.type.shape}")
        return self.pairing(u, u) / np.asarray(max(size - 1, 1), u.type.dtype)

    def nearest(self, x: M | Array) -> M:
        """Each vector divided by its length; NaN where it is zero."""
        (x,) = self.arguments("nearest", x=x)
        return self.normalized(x)

    def dim(self, shape: Sequence[int]) -> int:
        """Number of vectors times one less than their coordinates."""
        count, size = self.vectors(shape)
        return count * (size - 1)

    def deviation(self, x: Array) -> Any:
        """Root of the sum over the vectors of (|x|^2 - 1)^2, in double, one number a matrix."""
        x = np.asarray(x, "float64")
        squares = np.sum(x * x, axis=self.vector_axes(x.ndim), keepdims=True) - 1
        return np.sqrt(np.sum(squares**2, axis=tuple(range(-min(self.matrices.axes, x.ndim), 0))))

    deviation_formula: ClassVar[str] = "||diag(X X^H) - 1||"

    def random_point(
        self, shape: int | Sequence[int], rng: Seed = None, dtype: Any = None
    ) -> Array:
        """Uniformly distributed vectors, of matrix shape ``shape``."""
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        value = self.store(self.normal_matrices(shape, rng), "float64")
        squares = np.sum(value * value, axis=self.vector_axes(value.ndim), keepdims=True)
        return self.store(self.load(value / np.sqrt(squares)), dtype)


@dataclass(frozen=True)
class Sphere(UnitVectors):
    r"""Unit sphere, :math:`\{X : \|X\|_F = 1\}`, stored ``(..., 2, m, n)``.

    With ``field="real"`` stored ``(..., m, n)``. A single vector may be stored as ``(2, n)``, or
    ``(n,)`` in the real field. Tangent space at X: Re tr(X^H U) = 0; metric Re tr(U^H V); real
    dimension 2mn - 1, or mn - 1. Source: Absil, Mahony, Sepulchre (2008), example 3.5.1.
    """

    deviation_formula: ClassVar[str] = "| ||X||_F^2 - 1 |"

    def vector_axes(self, ndim):
        """All axes of a matrix, or of a single vector."""
        return tuple(range(-min(self.matrices.axes, ndim), 0))

    def vectors(self, shape):
        """One vector of mn entries."""
        return 1, int(np.prod(shape[-2:])) * (2 if self.field == "complex" else 1)

    def inner(self, x: Value, u: Value, v: Value) -> TensorVariable:
        """Re tr(u^H v), one number a matrix."""
        _, u, v = self.arguments("inner", x=x, u=u, v=v)
        return (u * v).sum(axis=self.vector_axes(u.type.ndim))

    def norm(self, x: Value, u: Value) -> TensorVariable:
        """Frobenius norm, one number a matrix."""
        _, u = self.arguments("norm", x=x, u=u)
        return self.lengths(u).squeeze(axis=self.vector_axes(u.type.ndim))

    def check_shape(self, method, name, shape):
        """Raise ValueError unless the static shape is that of matrices or of one vector."""
        vector_axes = self.matrices.axes - 1
        if len(shape) != vector_axes:
            super().check_shape(method, name, shape)
        elif vector_axes == 2 and shape[0] not in (2, None):
            raise ValueError(
                f"{method}: {name} must be (..., 2, m, n) or (2, n) on {self}, got shape {shape}"
            )


@dataclass(frozen=True)
class Oblique(UnitVectors):
    r"""Rows of unit norm, :math:`\{X : (X X^H)_{jj} = 1\}`, stored ``(..., 2, m, n)``.

    With ``axis="columns"`` the columns; with ``field="real"`` stored ``(..., m, n)``. A product of
    spheres, one a row: tangent space :math:`\mathrm{Re}\,(X U^H)_{jj} = 0`, metric Re tr(U^H V),
    real dimension m(2n - 1), or m(n - 1). Source: Absil and Gallivan (2006); Cho and Lee (2017),
    whose weights of batch-normalized units are its rows.
    """

    axis: str = "rows"

    deviation_formula: ClassVar[str] = "||(|x_j|^2 - 1)_j||, x_j the rows or columns,"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.axis not in ("rows", "columns"):
            raise ValueError(f"Oblique: axis must be 'rows' or 'columns', got {self.axis!r}")

    def __str__(self) -> str:
        return f"Oblique({self.field}, {self.axis})"

    def vector_axes(self, ndim):
        """The columns' axis for rows, the rows' axis for columns, and the planes."""
        axis = -1 if self.axis == "rows" else -2
        return (-3, axis) if self.field == "complex" else (axis,)

    def vectors(self, shape):
        """m rows of n entries, or n columns of m."""
        count, size = shape[-2:] if self.axis == "rows" else shape[:-3:-1]
        return count, size * (2 if self.field == "complex" else 1)


@dataclass(frozen=True)
class ComplexCircle(UnitVectors):
    r"""Entries of modulus 1, :math:`\{X : |X_{jk}| = 1\}`, stored ``(..., 2, m, n)``.

    A product of circles: tangent space :math:`\mathrm{Re}(\bar X_{jk} U_{jk}) = 0`, metric
    Re tr(U^H V), real dimension mn. Complex only: its real counterpart is the finite set of signs.
    Source: Boumal et al. (2014), Manopt's complexcirclefactory.
    """

    fields: ClassVar[tuple[str, ...]] = ("complex",)
    deviation_formula: ClassVar[str] = "|| |X_jk|^2 - 1 ||"

    def vector_axes(self, ndim):
        """The planes."""
        return (-3,)

    def vectors(self, shape):
        """One circle an entry."""
        return int(np.prod(shape[-2:])), 2
