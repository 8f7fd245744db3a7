"""Matrices whose columns are orthonormal in a given inner product."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph.manifolds.stiefel import Stiefel
from unitarygraph.manifolds.values import gram_deviation
from unitarygraph.ops.polar import Polar
from unitarygraph.stacked.typing import Array, M, Seed, Value


@dataclass(frozen=True, init=False)
class GeneralizedStiefel(Stiefel):
    r""":math:`\{X : X^H B X = I_p\}` for a Hermitian positive definite B, stored ``(..., 2, n, p)``.

    ``B`` is a NumPy matrix, complex or real, or a stored one. With the Cholesky factor
    :math:`B = L L^H` the map :math:`X \mapsto L^H X` takes it to `Stiefel`, metric included:
    :math:`\mathrm{Re}\,\mathrm{tr}(U^H B V)`, or the canonical metric's image. Every operation is
    Stiefel's between the two maps; the nearest point is the nearest in B's norm. Source: Edelman,
    Arias, Smith (1998), section 4.5; Sato and Aihara (2019).
    """

    #: L^H and its inverse, complex or real NumPy matrices in double
    factor: np.ndarray = field(compare=False, repr=False)  # type: ignore[misc]
    inverse: np.ndarray = field(compare=False, repr=False)  # type: ignore[misc]
    #: the bytes of B, by which manifolds are compared
    weight: bytes = field(repr=False)  # type: ignore[misc]

    deviation_formula: ClassVar[str] = "||X^H B X - I||_F"

    # Written out: B comes first, and what is kept of it is its factor.
    def __init__(self, B: Any, field: str = "complex", metric: str = "euclidean") -> None:
        for name, value in {"field": field, "metric": metric}.items():
            object.__setattr__(self, name, value)
        super().__post_init__()
        b = np.asarray(B)
        b = b if b.dtype.kind == "c" or b.ndim == 2 else self.load(b)
        b = b.astype("complex128" if field == "complex" else "float64")
        if b.ndim != 2 or b.shape[0] != b.shape[1]:
            raise ValueError(f"GeneralizedStiefel: B must be (n, n), got shape {b.shape}")
        if not np.linalg.norm(b - b.conj().T) <= 1e-10 * np.linalg.norm(b):
            raise ValueError("GeneralizedStiefel: B must be Hermitian")
        try:
            factor = np.linalg.cholesky(b).conj().T
        except np.linalg.LinAlgError:
            raise ValueError("GeneralizedStiefel: B must be positive definite") from None
        object.__setattr__(self, "factor", factor)
        object.__setattr__(self, "inverse", np.linalg.inv(factor))
        object.__setattr__(self, "weight", b.tobytes())

    @property
    def flat(self):
        """The Stiefel manifold of the points L^H X."""
        return Stiefel(self.field, self.metric)

    @property
    def is_embedded(self):
        """Whether the metric is a constant inner product of the space around, that of B."""
        return self.metric == "euclidean"

    def _times(self, matrix, x):
        constant = self.matrices.from_numpy(matrix).astype(x.type.dtype)
        return self.matrices.matmul(pt.constant(constant), x)

    def _push(self, method, **values):
        return [self._times(self.factor, x) for x in self.arguments(method, **values)]

    def _pull(self, y):
        return self._times(self.inverse, y)

    def _gradients(self, method, **values):
        """L^{-1} G: Euclidean gradients in the coordinates L^H X."""
        adjoint = self.inverse.conj().T
        return [self._times(adjoint, g) for g in self.arguments(method, **values)]

    def proj(self, x: M | Array, g: M | Array) -> M:
        r""":math:`G - X\,\mathrm{herm}(X^H B G)`."""
        return self._pull(self.flat.proj(*self._push("proj", x=x, g=g)))

    def egrad2rgrad(self, x: M | Array, g: M | Array) -> M:
        r"""Projection of :math:`B^{-1} G`, or its counterpart in the canonical metric."""
        (point,) = self._push("egrad2rgrad", x=x)
        return self._pull(self.flat.egrad2rgrad(point, *self._gradients("egrad2rgrad", g=g)))

    def ehess2rhess(self, x: M | Array, egrad: M | Array, ehess: M | Array, u: M | Array) -> M:
        """Stiefel's, in the coordinates L^H X."""
        point, tangent = self._push("ehess2rhess", x=x, u=u)
        slopes = self._gradients("ehess2rhess", egrad=egrad, ehess=ehess)
        return self._pull(self.flat.ehess2rhess(point, *slopes, tangent))

    def retr(self, x: M | Array, u: M | Array, kind: str | Callable[..., Any] | None = None) -> M:
        """Stiefel's retraction ``kind``, in the coordinates L^H X."""
        if callable(kind):
            return super().retr(x, u, kind)
        return self._pull(self.flat.retr(*self._push("retr", x=x, u=u), kind=kind))

    def log(self, x: M | Array, y: M | Array) -> M:
        """Stiefel's, in the coordinates L^H X."""
        return self._pull(self.flat.log(*self._push("log", x=x, y=y)))

    def inner(self, x: Value, u: Value, v: Value) -> TensorVariable:
        """Inner product of the metric, one number a matrix."""
        return self.flat.inner(*self._push("inner", x=x, u=u, v=v))

    def norm(self, x: Value, u: Value) -> TensorVariable:
        """Length in the metric, one number a matrix."""
        return self.flat.norm(*self._push("norm", x=x, u=u))

    def nearest(self, x: M | Array) -> M:
        """Nearest point in B's norm: the polar factor in the coordinates L^H X."""
        return self._pull(Polar(self.field)(*self._push("nearest", x=x))[0])

    def deviation(self, x: Array) -> Any:
        r""":math:`\|X^H B X - I\|_F` of a stored value, computed in double."""
        return gram_deviation(self.factor @ self.load(x))

    def tolerance(self, x: Array) -> Any:
        """Stiefel's times the condition number of L."""
        return (
            super().tolerance(x) * np.linalg.norm(self.factor, 2) * np.linalg.norm(self.inverse, 2)
        )

    def random_point(
        self, shape: int | Sequence[int], rng: Seed = None, dtype: Any = None
    ) -> Array:
        """Image of a uniformly distributed Stiefel point; ``shape`` is (..., n, p)."""
        x = self.flat.load(self.flat.random_point(shape, rng, "float64"))
        return self.store(self.inverse @ x, dtype)

    def check_shape(self, method, name, shape):
        """Raise ValueError unless the matrices have B's rows and no more columns."""
        super().check_shape(method, name, shape)
        n = len(self.factor) if hasattr(self, "factor") else None
        if n is not None and shape[-2] not in (n, None):
            raise ValueError(
                f"{method}: {name} must have the {n} rows of B on {self}, got shape {tuple(shape)}"
            )
