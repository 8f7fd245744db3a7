"""The scaled Cayley transform: unitary matrices of every spectrum from a bounded A."""

import numpy as np
import pytensor
import pytensor.tensor as pt

from unitarygraph.parametrizations.cayley import Cayley
from unitarygraph.parametrizations.inverse import inverse_cayley, matching_phases, unitary_matrix


class ScaledCayley(Cayley):
    r""":math:`W = (I + A)^{-1} (I - A) D`, A skew-Hermitian, D diagonal and unitary: all of U(n).

    Real (scoRNN): D holds ``rho`` entries -1, the last ones, and n - rho entries 1. It is not
    trained, so training keeps the determinant :math:`(-1)^\rho`; A has n(n-1)/2 free parameters.
    Complex (scuRNN): :math:`D = \mathrm{diag}(e^{i\theta})` with trained phases; n^2 + n parameters,
    n more than U(n) has. Cost as `Cayley`.

    For every unitary W there is a D with which A is small. `set_value` picks it
    (`unitarygraph.parametrizations.inverse.matching_phases`): in the real field it changes D, and so
    `rho`, and in the complex one theta, in (-pi, pi].

    Parameters
    ----------
    n : int
    rho : number of entries -1, 0 to n, real field only: a setting of the task, published between
        n/10 (pixel MNIST) and n/2, which is the default
    init : as `Cayley`
    field, rng, dtype, name : as `Exp`; D's variable is named ``<name>/D``, theta ``<name>/theta``

    Attributes: ``params`` is [A], complex [A, theta] with theta, of the group "phase", from
    U(0, 2 pi); ``buffers`` is [D] in the real field. Raises ValueError for a rho out of range.

    Source: Helfrich, Willmott and Ye (2018); Maduranga, Helfrich and Ye (2019).
    """

    def __init__(
        self, n, *, rho=None, init="cayley", field="complex", rng=None, dtype=None, name="A"
    ):
        rng = np.random.default_rng(rng)
        super().__init__(n, init=init, field=field, rng=rng, dtype=dtype, name=name)
        if field == "complex":
            if rho is not None:
                raise ValueError(f"rho: expected None with field='complex', got {rho!r}")
            theta = rng.uniform(0, 2 * np.pi, n)
            self._theta = self.parameter(theta, f"{name}/theta", group="phase")
            return
        rho = n // 2 if rho is None else rho
        if isinstance(rho, bool) or not isinstance(rho, int | np.integer) or not 0 <= rho <= n:
            raise ValueError(f"rho: expected an integer from 0 to {n}, got {rho!r}")
        signs = np.where(np.arange(n) < n - rho, 1, -1).astype(self.dtype)
        self._signs = pytensor.shared(signs, name=f"{name}/D", shape=(n,))

    def own_free_parameters(self):
        """n(n-1)/2, or n^2 + n in the complex field."""
        return super().own_free_parameters() + (self.n if self.field == "complex" else 0)

    @property
    def rho(self):
        """Number of entries -1 of D, None in the complex field."""
        return None if self.field == "complex" else int(np.sum(self._signs.get_value() < 0))

    def of(self, A):
        Z = super().of(A)
        if self.field == "real":
            return self.matrices.scale_columns(Z, self._signs)
        # The product with e^{i theta} as 2 x 2 real matrices on the planes: W and its gradient have
        # half the nodes that taking the planes apart leads to.
        rotation = pt.cos(self._theta) * _on_planes([[1, 0], [0, 1]], self.dtype)
        rotation += pt.sin(self._theta) * _on_planes([[0, -1], [1, 0]], self.dtype)
        return (rotation * Z).sum(axis=1)

    def of_value(self, A):
        return super().of_value(A) * self._phases()

    def set_value(self, W):
        """Set A and D so that the matrix is the NumPy array W.

        Raises ValueError for a W that is not unitary, naming ||W^H W - I||.
        """
        who = "ScaledCayley.set_value"
        W = unitary_matrix(who, W, self.n, self.field, self.dtype)
        phases = matching_phases(W)
        stored = np.angle(phases) if self.field == "complex" else phases
        variable = self._theta if self.field == "complex" else self._signs
        variable.set_value(stored.astype(self.dtype))
        # Theta as it is stored has been rounded, which A can make good.
        rotated = W * self._phases().conj().astype(W.dtype)
        self._upper.set_value(self._stored(inverse_cayley(who, rotated, self.dtype)))

    def _phases(self):
        """Diagonal of D as a NumPy array."""
        if self.field == "complex":
            return np.exp(1j * np.array(self._theta.get_value()))
        return np.array(self._signs.get_value())


def _on_planes(block, dtype):
    return np.array(block, dtype)[:, :, None, None]
