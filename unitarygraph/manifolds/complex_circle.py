"""Matrices of phases."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from unitarygraph.manifolds.unit_vectors import UnitVectors


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
