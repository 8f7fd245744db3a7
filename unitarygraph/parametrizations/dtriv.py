"""Dynamic trivialization: exponentials around a base point that moves."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from unitarygraph.core.layout import plain
from unitarygraph.manifolds import Unitary
from unitarygraph.ops.polar import Polar
from unitarygraph.parameter import parameter
from unitarygraph.parametrizations.base import Parametrization
from unitarygraph.parametrizations.inverse import unitary_matrix
from unitarygraph.parametrizations.skew import Cayley, Exp
from unitarygraph.stacked.typing import Array, Seed, Updates

#: maps from A to the factor that turns the base
MAPS = {"cayley": Cayley, "exp": Exp}


class DynamicTrivialization(Parametrization):
    r""":math:`W = B \exp(A)`, A skew-Hermitian from zero, B in U(n) (SO(n) in the real field).

    `post_updates`, made after each training step, moves the base: every K steps :math:`B \leftarrow B
    \exp(A), A \leftarrow 0`, which leaves W as it is; every M of these moves B is replaced by its polar
    factor. K = 1 is Riemannian gradient descent with the exponential map (in the coordinates of `Exp`,
    whose off-diagonal entries stand for two: a gradient step of rate r moves W along the geodesic by
    2r times the Riemannian gradient, by r in the diagonal of A). K = ``math.inf`` is expRNN: B = I for
    good and A starts where it is drawn; for finite K, B does.

    Parameters
    ----------
    n : int
    K : steps between moves of the base, an integer of at least 1 or ``math.inf``; published: 1, 100
    M : moves of the base between polar factors, likewise; published: 30 for copying, 100
    init, field, rng, dtype, name : as `Exp`; the base is named ``<name>/base``

    Attributes: ``params`` is [A]; ``base`` the shared variable B; ``buffers`` B and the counters, what
    a checkpoint holds besides. Raises ValueError for K and M out of range; otherwise as `Exp`.

    Source: Lezcano-Casado (2019), "Trivializations for gradient-based optimization on manifolds".
    """

    def __init__(
        self,
        n: int,
        *,
        K: int = 100,
        M: int = 100,
        init: Any = "henaff",
        field: str = "complex",
        rng: Seed = None,
        dtype: Any = None,
        name: str = "A",
        map: str = "exp",
    ) -> None:
        super().__init__(n, field, dtype)
        self.K, self.M = _interval("K", K), _interval("M", M)
        if map not in MAPS:
            raise ValueError(f"map: expected one of {', '.join(MAPS)}, got {map!r}")
        options = {"field": field, "dtype": dtype, "name": name}
        start = MAPS[map](n, init=init, rng=rng, **options)
        moves = self.K is not None
        #: the parametrization of the factor that turns the base
        self.turn = MAPS[map](n, init=_zero, rng=0, **options) if moves else start
        point = start.value() if moves else np.eye(n)
        self.base = parameter(self._stored(point), Unitary(field), name=f"{name}/base")
        self._step = _counter(f"{name}/dtriv/step")
        self._moves = _counter(f"{name}/dtriv/moves")

    def trains(self, variable: Variable) -> bool:
        return variable is not self.base and super().trains(variable)

    def matrix(self) -> TensorVariable:
        return self.matrices.matmul(self.base, self.turn.stored())

    def value(self) -> Array:
        """Current matrix, computed by NumPy in the parameter's precision."""
        base = self.matrices.to_numpy(np.array(self.base.get_value()))
        return base @ self.turn.value()

    def set_value(self, W: Array) -> None:
        """Move the base to the NumPy array W and A to zero, for any K; the counters stay.

        Raises ValueError for a W that is not unitary, naming ||W^H W - I||. In the real field its
        determinant may be -1, which training then keeps.
        """
        W = unitary_matrix("DynamicTrivialization.set_value", W, self.n, self.field, self.dtype)
        (A,) = self.params
        A.set_value(np.zeros_like(A.get_value()))
        self.base.set_value(self._stored(W))

    def _stored(self, W):
        return self.matrices.from_numpy(W).astype(self.dtype)

    def own_post_updates(self, optimizer_state: Iterable[SharedVariable] = ()) -> Updates:
        """Updates to be made after each training step, by a function of their own.

        ``optimizer_state``: the shared variables in which the update rule of A remembers, which go
        back to zero with A: a list, or the rule's dictionary, of which all but A are taken. By default
        they are kept, as published: the moments of the old base then speak of the new one.

        Both branches of each choice are computed, an exponential and a polar factor a step (see
        `unitarygraph.updates.project_after` on why). To pay only when it is due, compile `rebase`
        instead and call it every K steps. Empty for K infinite.
        """
        if self.K is None:
            return {}
        due = pt.eq(self._step + 1, self.K)
        step = {self._step: pt.switch(due, 0, self._step + 1)}
        moved = self.rebase(optimizer_state)
        return step | {old: pt.switch(due, new, plain(old)) for old, new in moved.items()}

    def rebase(self, optimizer_state: Iterable[SharedVariable] = ()) -> Updates:
        """Updates that move the base now, and make it unitary again if it is the M-th move."""
        (A,) = self.params
        point = self.stored()
        updates = {A: pt.zeros_like(plain(A))}
        if self.M is not None:
            last = pt.eq(self._moves + 1, self.M)
            updates[self._moves] = pt.switch(last, 0, self._moves + 1)
            point = pt.switch(last, Polar(self.field)(point)[0], point)
        updates[self.base] = point
        return updates | {s: pt.zeros_like(plain(s)) for s in optimizer_state if s is not A}


def _zero(rng, n, field):
    return np.zeros((n, n))


def _counter(name):
    return pytensor.shared(np.zeros((), "int64"), name=name, shape=())


def _interval(name, value):
    """The integer, or None for infinity."""
    if value == np.inf:
        return None
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a positive integer or infinity, got {value!r}")
    return int(value)
