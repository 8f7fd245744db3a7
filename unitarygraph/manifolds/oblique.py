"""Matrices whose rows, or columns, have length 1."""

from dataclasses import dataclass
from typing import ClassVar

from unitarygraph.manifolds.unit_vectors import UnitVectors


@dataclass(frozen=True)
class Oblique(UnitVectors):
    r"""Rows of unit norm, :math:`\{X : (X X^H)_{jj} = 1\}`, stored ``(..., 2, m, n)``.

    With ``axis="columns"`` the columns; with ``field="real"`` stored ``(..., m, n)``. A product of
    spheres, one a row: tangent space :math:`\mathrm{Re}\,(X U^H)_{jj} = 0`, metric Re tr(U^H V),
    real dimension m(2n - 1), or m(n - 1). Source: Absil and Gallivan (2006); Cho and Lee (2017),
    whose weights of batch-normalised units are its rows.
    """

    axis: str = "rows"

    deviation_formula: ClassVar[str] = "||(|x_j|^2 - 1)_j||, x_j the rows or columns,"

    def __post_init__(self):
        super().__post_init__()
        if self.axis not in ("rows", "columns"):
            raise ValueError(f"Oblique: axis must be 'rows' or 'columns', got {self.axis!r}")

    def __str__(self):
        return f"Oblique({self.field}, {self.axis})"

    def vector_axes(self, ndim):
        """The columns' axis for rows, the rows' axis for columns, and the planes."""
        axis = -1 if self.axis == "rows" else -2
        return (-3, axis) if self.field == "complex" else (axis,)

    def vectors(self, shape):
        """m rows of n entries, or n columns of m."""
        count, size = shape[-2:] if self.axis == "rows" else shape[:-3:-1]
        return count, size * (2 if self.field == "complex" else 1)
