"""Whether NumPy values are points of a manifold, and tangent to it."""

from typing import Any, ClassVar

import numpy as np
import pytensor.tensor as pt

from unitarygraph.core.layout import REAL_DTYPES, is_complex, storage
from unitarygraph.manifolds.values import evaluate
from unitarygraph.stacked.typing import Array


class Membership:
    """The tests of a manifold, by its `deviation`, `tolerance`, `check_shape` and `proj`."""

    field: str
    #: what `deviation` measures, for error messages
    deviation_formula: ClassVar[str] = "deviation"
    deviation: ClassVar[Any]
    tolerance: ClassVar[Any]
    check_shape: ClassVar[Any]
    proj: ClassVar[Any]

    def is_on(self, x: Array, tol: float | None = None) -> bool:
        """Whether the NumPy value x, stored or complex, is on the manifold.

        ``tol`` is the largest `deviation` allowed, by default `tolerance`. Raises ValueError for a shape
        that the manifold does not have, TypeError for a dtype other than float32 and float64 and their
        complex ones.
        """
        worst, limit = self._worst_deviation("is_on", x, tol)
        return bool(worst <= limit)

    def require_point(self, x: Array, tol: float | None = None) -> None:
        """Raise ValueError, naming deviation and limit, unless `is_on` is true; else as it does."""
        worst, limit = self._worst_deviation("require_point", x, tol)
        if not worst <= limit:
            raise ValueError(
                f"require_point: x is not on {self}: {self.deviation_formula} = {worst:.3g}, "
                f"the limit is {limit:.3g}"
            )

    def _worst_deviation(self, method, x, tol):
        x = self._stored_array(method, "x", x)
        limit = self.tolerance(x) if tol is None else tol
        return np.max(self.deviation(x), initial=0.0), limit

    def _stored_array(self, method, name, x):
        """Storage of a NumPy value, of a shape and dtype that the manifold has."""
        if is_complex(x) and self.field == "real":
            raise ValueError(f"{method}: {name} is complex and the manifold real, {self}")
        x = np.asarray(storage(x))
        if x.dtype.name not in REAL_DTYPES:
            raise TypeError(f"{method}: {name} must be float32 or float64, got dtype {x.dtype}")
        self.check_shape(method, name, x.shape)
        return x

    def is_tangent(self, x: Array, u: Array, tol: float | None = None) -> bool:
        """Whether the NumPy value u, stored or complex, is tangent at x.

        ``tol`` is the largest length allowed of u's part across the tangent space, relative to u's own
        length where that is above 1; by default `tolerance`. Raises as `is_on` does.
        """
        across, limit = self._part_across("is_tangent", x, u, tol)
        return bool(across <= limit)

    def require_tangent(self, x: Array, u: Array, tol: float | None = None) -> None:
        """Raise ValueError, naming length and limit, unless `is_tangent` is true; else as it does."""
        across, limit = self._part_across("require_tangent", x, u, tol)
        if not across <= limit:
            raise ValueError(
                f"require_tangent: u is not tangent at x on {self}: the part of u across the tangent "
                f"space is {across:.3g}, the limit is {limit:.3g}"
            )

    def _part_across(self, method, x, u, tol):
        x, u = self._stored_array(method, "x", x), self._stored_array(method, "u", u)
        limit = self.tolerance(x) if tol is None else tol
        across = np.linalg.norm(evaluate(self.proj(*map(pt.as_tensor, (x, u)))) - u) / max(
            np.linalg.norm(u), 1.0
        )
        return across, limit
