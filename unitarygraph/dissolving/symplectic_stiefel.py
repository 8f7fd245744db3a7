"""Matrices that keep the symplectic form."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy.linalg

from unitarygraph.manifolds import Manifold


def symplectic_form(n):
    """The NumPy matrix J = [[0, I], [-I, 0]] of an even n, in double."""
    half = np.eye(n // 2)
    return np.kron([[0, 1], [-1, 0]], half)


@dataclass(frozen=True)
class SymplecticStiefel(Manifold):
    r""":math:`\{X : X^H J_n X = J_p\}`, :math:`J = [[0, I], [-I, 0]]`, stored ``(..., 2, n, p)``.

    With ``field="real"`` stored ``(..., n, p)``; n >= p, both even. For `dissolve` and
    `quad_penalty`; it has no projections or retractions. Real dimension :math:`2np - p^2`, or
    np - p(p-1)/2. Source: Gao, Son, Absil, Stykel (2021).
    """

    form: ClassVar[str] = "tall"
    deviation_formula: ClassVar[str] = "||X^H J X - J||_F"

    def dim(self, shape):
        """2np - p^2, or np - p(p-1)/2 in the real field."""
        n, p = shape[-2:]
        return 2 * n * p - p * p if self.field == "complex" else n * p - p * (p - 1) // 2

    def deviation(self, x):
        r""":math:`\|X^H J X - J\|_F` of a stored value, computed in double."""
        z = self.load(x)
        n, p = z.shape[-2:]
        kept = np.conj(np.swapaxes(z, -1, -2)) @ symplectic_form(n) @ z
        return np.linalg.norm(kept - symplectic_form(p), axis=(-2, -1))

    def random_point(self, shape, rng=None, dtype=None):
        r"""Columns of :math:`e^{JS}`, S the Hermitian part of normal matrices over :math:`2\sqrt n`."""
        self.check_shape("random_point", "shape", self.matrices.storage_shape(shape))
        *batch, n, p = shape
        z = self.normal_matrices((*batch, n, n), rng) / (2 * n**0.5)
        z = (z + np.conj(np.swapaxes(z, -1, -2))) / 2
        columns = [*range(p // 2), *range(n // 2, n // 2 + p // 2)]
        return self.store(scipy.linalg.expm(symplectic_form(n) @ z)[..., columns], dtype)

    def check_shape(self, method, name, shape):
        """Raise ValueError unless the matrices are tall with an even number of rows and columns."""
        super().check_shape(method, name, shape)
        if any(length is not None and length % 2 for length in shape[-2:]):
            raise ValueError(
                f"{method}: {name} must have an even number of rows and of columns on {self}, "
                f"got shape {tuple(shape)}"
            )
