"""The linear recurrent unit: a layer whose recurrence is linear and diagonal."""

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt

from unitarygraph import stacked
from unitarygraph.core.layout import plain
from unitarygraph.manifolds import Euclidean
from unitarygraph.module import Module
from unitarygraph.nn.recurrence import drive_of, readout, stacked_rows
from unitarygraph.ops.recurrence import diagonal_recurrence
from unitarygraph.parameter import parameter
from unitarygraph.parametrizations.diagonal import Diagonal
from unitarygraph.stacked.typing import Array, M, Seed, Value

# 1 - |lambda|^2 may round to nothing, whose logarithm starts no training.
SMALLEST = 1e-12


class LRU(Module):
    r"""Real sequences ``(T, B, m) -> (T, B, m)`` through n complex states:

    .. math:: h_t = \lambda \circ h_{t-1} + e^\gamma \circ (u_t B), \quad
              y_t = \mathrm{Re}(h_t C) + D \circ u_t

    with h_0 = 0 and :math:`\lambda` by `Diagonal`. All steps in `unitarygraph.diagonal_recurrence`,
    a parallel scan: O(T B n (m + log T)) work, of which the products with B and C are the most.

    Real parameters: 4mn + 3n + m. ``bidirectional`` runs a second recurrence backward in time, whose
    :math:`\mathrm{Re}(h C)` with parameters of its own is added to y: 2 (4mn + 3n) + m.

    At first B is N(0, 1/(2m)) and C N(0, 1/n) in real and imaginary part, D N(0, 1) and
    :math:`e^\gamma = \sqrt{1 - |\lambda|^2}`, which keeps the variance of h near that of u B.

    Parameters
    ----------
    input_size : m
    state_size : n
    r_min, r_max, max_phase : the ring of the first eigenvalues, see `Diagonal`
    bidirectional : see above
    rng : NumPy Generator or seed, by default fresh entropy
    dtype : by default ``config.floatX``
    name : of the parameters ``<name>/nu``, ``theta``, ``gamma``, ``B``, ``C`` and ``D``, in
        ``params``; those of the second recurrence begin with ``<name>/backward/``

    Of the group "orthogonal" are those that the authors train at a smaller rate and without weight
    decay, nu, theta, gamma and B. ``eigenvalues`` is the `Diagonal` of each direction.

    Raises ValueError for sizes below 1, an x of another shape, and as `Diagonal`.

    Source: Orvieto et al. (2023), "Resurrecting recurrent neural networks for long sequences".
    """

    def __init__(
        self,
        input_size: int,
        state_size: int,
        *,
        r_min: float = 0.0,
        r_max: float = 1.0,
        max_phase: float = 2 * np.pi,
        bidirectional: bool = False,
        rng: Seed = None,
        dtype: Any = None,
        name: str = "lru",
    ) -> None:
        for key, size in {"input_size": input_size, "state_size": state_size}.items():
            if size < 1:
                raise ValueError(f"LRU: {key} must be at least 1, got {size}")
        m, n = input_size, state_size
        self.input_size, self.state_size = m, n
        self.dtype = dtype or pytensor.config.floatX
        rng = np.random.default_rng(rng)
        self._recurrences = []
        for prefix in (name, f"{name}/backward")[: 1 + bidirectional]:
            ring: Any = {"r_min": r_min, "r_max": r_max, "max_phase": max_phase}
            diagonal = Diagonal(n, **ring, rng=rng, dtype=self.dtype, name=prefix)
            moduli = np.abs(diagonal.eigenvalues_value()).astype("float64")
            gamma = np.log(np.maximum(1 - moduli**2, SMALLEST)) / 2
            gamma = self._parameter(f"{prefix}/gamma", gamma, group="orthogonal")
            B = rng.standard_normal((2, m, n)) / np.sqrt(2 * m)
            B = self._parameter(f"{prefix}/B", B, "complex", "orthogonal")
            C = rng.standard_normal((2, n, m)) / np.sqrt(n)
            C = self._parameter(f"{prefix}/C", C, "complex")
            self._recurrences.append((diagonal, gamma, B, C))
        self.D = self._parameter(f"{name}/D", rng.standard_normal(m))

    def _parameter(self, name, value, field="real", group=None):
        return parameter(value.astype(self.dtype), Euclidean(field), name, group)

    @property
    def eigenvalues(self) -> Any:
        """The `Diagonal` of each direction."""
        return [diagonal for diagonal, *_ in self._recurrences]

    def matrices(self) -> list[Array]:
        """Current diag(lambda) of each direction as a NumPy array."""
        return [diagonal.value() for diagonal in self.eigenvalues]

    def __call__(self, u: M, mask: Value | None = None) -> M:
        """Outputs of all steps; where ``mask`` (T, B) is 0 the states stand still."""
        if u.type.ndim != 3 or u.type.shape[-1] not in (None, self.input_size):
            raise ValueError(f"LRU: x must be (T, B, {self.input_size}), got shape {u.type.shape}")
        y = self.D * u
        for reverse, (diagonal, gamma, B, C) in enumerate(self._recurrences):
            states = diagonal_recurrence(
                drive_of(u, pt.exp(gamma) * plain(B)),
                plain(diagonal.eigenvalues()),
                mask=mask,
                reverse=bool(reverse),
            )
            # Re(h C) = [Re h, Im h] [Re C; -Im C]
            y = readout(states, stacked_rows(stacked.conj(plain(C))), y)
        return y
