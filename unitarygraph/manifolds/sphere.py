"""Matrices, or vectors, of unit Frobenius norm."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from unitarygraph.manifolds.unit_vectors import UnitVectors


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

    def inner(self, x, u, v):
        """Re tr(u^H v), one number a matrix."""
        _, u, v = self.arguments("inner", x=x, u=u, v=v)
        return (u * v).sum(axis=self.vector_axes(u.type.ndim))

    def norm(self, x, u):
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
