"""Free matrices whose distance from the unitary ones is dissolved."""

from typing import Any

import numpy as np
from pytensor.tensor.variable import TensorVariable

from unitarygraph.constraint_dissolving import dissolve, quad_penalty
from unitarygraph.manifolds import Unitary
from unitarygraph.parametrizations.base import Parametrization
from unitarygraph.parametrizations.inverse import coarser_epsilon, square_matrix
from unitarygraph.parametrizations.point import Point
from unitarygraph.stacked.typing import Array, Seed


class Dissolved(Parametrization):
    r""":math:`W = A(X) = X (\frac32 I - \frac12 X^H X)`, X free, with a penalty that keeps X near U(n).

    2 n^2 real parameters, n^2 in the real field; two products. W is unitary where X is, and up to the
    square of X's deviation near there: what training leaves is nearly unitary, never exactly. The
    unitary matrix that belongs to it is `projected`; to go on with it, ``p.set_value(p.projected())``.
    A singular value s of X becomes s(3 - s^2)/2 <= 1: beyond sqrt 3 it turns round.

    Parameters
    ----------
    n : int
    strength : of the penalty; published: 0.2
    init : of X, as `Point`
    field, rng, dtype, name : as `Exp`

    Source: Xiao, Hu, Liu and Toh, CDOpt; Hu, Xiao, Liu and Toh (2022), "A constraint dissolving
    approach for nonsmooth optimization over the Stiefel manifold".
    """

    unitary = False

    def __init__(
        self,
        n: int,
        *,
        strength: float = 0.2,
        init: Any = "haar",
        field: str = "complex",
        rng: Seed = None,
        dtype: Any = None,
        name: str = "X",
    ) -> None:
        super().__init__(n, field, dtype)
        self.strength, self._manifold = strength, Unitary(field)
        #: X as a parametrization of its own, its parameter an ordinary one
        self.free = Point(n, init=init, free=True, field=field, rng=rng, dtype=dtype, name=name)

    def matrix(self) -> TensorVariable:
        return dissolve(self.free.stored(), self._manifold)

    def own_penalty(self) -> TensorVariable | None:
        r""":math:`\mathrm{strength}\,\|X^H X - I\|_F^2`, a scalar."""
        strength = np.asarray(self.strength, self.dtype)
        return strength * quad_penalty(self.free.stored(), self._manifold)

    def projected(self) -> Array:
        """The unitary (orthogonal) NumPy matrix nearest to X, its polar factor.

        It is that of W too while the singular values of X are below sqrt 3. Raises ValueError where X
        is not finite.
        """
        X = square_matrix("Dissolved.projected", self.free.value(), self.n, self.field)
        u, _, vh = np.linalg.svd(X)
        return (u @ vh).astype(self.free.value().dtype)

    def set_value(self, W: Array) -> None:
        r"""Set X so that A(X) is W, with the singular values :math:`2 \sin(\arcsin(\sigma)/3)`.

        For a unitary W, X is W up to rounding. Raises ValueError for a W with a singular value sigma
        above 1, naming it: A gives none.
        """
        who = "Dissolved.set_value"
        limit = 10 * self.n * coarser_epsilon(W, self.dtype)
        W = square_matrix(who, W, self.n, self.field)
        u, s, vh = np.linalg.svd(W)
        if s.max() > 1 + limit:
            raise ValueError(f"{who}: W must have singular values up to 1, got {s.max():.6g}")
        # At 1 the root has no derivative: what rounding took from a unitary matrix is put back.
        s = np.where(s > 1 - limit, 1, 2 * np.sin(np.arcsin(np.minimum(s, 1)) / 3))
        self.free.set_value((u * s) @ vh)
