"""One algebra for two fields: stacked complex matrices and plain real ones.

Geometry and adjoints are written once, for ``algebra(field)``:

>>> from unitarygraph.stacked.algebra import algebra
>>> algebra("real").axes, algebra("complex").axes
(2, 3)
"""

from dataclasses import dataclass

import numpy as np
import pytensor.tensor as pt

from unitarygraph.core.layout import FIELDS, from_complex, from_planes, to_complex
from unitarygraph.stacked.ops import HConj, MatMul, Norm, Solve


@dataclass(frozen=True)
class Algebra:
    """Matrix algebra over a field, ``"complex"`` (stacked) or ``"real"`` (plain tensors)."""

    field: str

    def __post_init__(self):
        if self.field not in FIELDS:
            raise ValueError(f"field must be 'complex' or 'real', got {self.field!r}")

    @property
    def axes(self):
        """Number of axes of one matrix as stored: 3 or 2."""
        return 3 if self.field == "complex" else 2

    def storage_shape(self, shape):
        """Shape as stored of matrices of shape ``(..., m, n)``."""
        return (*shape[:-2], 2, *shape[-2:]) if self.field == "complex" else tuple(shape)

    def matmul(self, *factors):
        """Product of two or more matrices."""
        product, *rest = factors
        for factor in rest:
            product = MatMul(self.field)(product, factor)
        return product

    def hconj(self, A):
        """Conjugate transpose."""
        return HConj(self.field)(A)

    def solve(self, A, B):
        """Solution X of A X = B."""
        return Solve(self.field)(A, B)

    def hermitian(self, A):
        """Hermitian part (A + A^H)/2."""
        return (A + self.hconj(A)) * _half(A)

    def skew_hermitian(self, A):
        """Skew-Hermitian part (A - A^H)/2."""
        return (A - self.hconj(A)) * _half(A)

    def eye(self, n, dtype=None):
        """Identity matrix as stored."""
        identity = pt.eye(n, dtype=dtype)
        return (
            from_planes(identity, pt.zeros_like(identity)) if self.field == "complex" else identity
        )

    def eye_like(self, A):
        """Identity of the columns of A, ``(n, n)`` as stored, without batch axes."""
        n = A.type.shape[-1]
        return self.eye(A.shape[-1] if n is None else n, A.type.dtype)

    def inner(self, A, B):
        """Re tr(A^H B), one number a matrix."""
        return (A * B).sum(axis=self._matrix_axes)

    def norm(self, A):
        """Frobenius norm, one number a matrix; gradient zero at zero."""
        return Norm(self.field)(A)

    def scale_columns(self, A, d):
        """A diag(d) for real d ``(..., n)``."""
        return A * (d[..., None, None, :] if self.field == "complex" else d[..., None, :])

    def scale_entries(self, A, F):
        """Entrywise product of A with a real ``(..., m, n)`` F."""
        return A * (F[..., None, :, :] if self.field == "complex" else F)

    def to_numpy(self, a):
        """NumPy matrix (complex or real) of a stored value."""
        return to_complex(a) if self.field == "complex" else np.asarray(a)

    def from_numpy(self, z):
        """Stored value of a NumPy matrix."""
        return from_complex(z) if self.field == "complex" else np.asarray(z)

    @property
    def _matrix_axes(self):
        return list(range(-self.axes, 0))


def algebra(field):
    """Algebra over ``"complex"`` or ``"real"``; ValueError for another name."""
    return ALGEBRAS[field] if field in ALGEBRAS else Algebra(field)


def _half(A):
    return np.asarray(0.5, dtype=A.type.dtype)


ALGEBRAS = {field: Algebra(field) for field in FIELDS}
