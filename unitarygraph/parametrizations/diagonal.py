"""Diagonal matrices with eigenvalues in the unit disk or on its rim."""

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph import stacked
from unitarygraph.core.layout import plain
from unitarygraph.parametrizations.base import Parametrization
from unitarygraph.parametrizations.inverse import square_matrix, unitary_matrix
from unitarygraph.stacked.typing import Array, Seed
from unitarygraph.stacked.variables import mark

MODULI = ("free", "one")


class Diagonal(Parametrization):
    r""":math:`W = \mathrm{diag}(\lambda)`, :math:`\lambda_j = \exp(-e^{\nu_j} + i e^{\theta_j})`.

    :math:`|\lambda_j| < 1` whatever :math:`\nu` is, so the recurrence is stable and not unitary; with
    ``modulus="one"`` :math:`\lambda_j = \exp(i e^{\theta_j})` and W is unitary. 2n parameters, n with
    modulus one; O(n) an application, O(n^2) for W.

    At first the eigenvalues are uniform in a ring, by areas: with u, u' from U(0, 1)

    .. math:: |\lambda_j|^2 = r_{min}^2 + u\,(r_{max}^2 - r_{min}^2), \quad
              e^{\theta_j} = \varphi_{max}\,u'.

    `set_value` takes a diagonal matrix with :math:`0 < |\lambda_j| < 1`, or of modulus 1; phases go to
    :math:`(0, 2\pi]`, for :math:`e^\theta` is positive.

    Parameters
    ----------
    n : int
    r_min, r_max : 0 <= r_min < r_max <= 1; long sequences want them near 1
    max_phase : positive; small for slow oscillations
    modulus : "free" or "one"
    field : "complex", the only one
    rng : seed or numpy Generator
    dtype : "float32" or "float64", by default ``pytensor.config.floatX``
    name : of the shared variables ``<name>/nu`` and ``<name>/theta``

    Raises ValueError for other options.

    Source: Orvieto et al. (2023), "Resurrecting recurrent neural networks for long sequences".
    """

    def __init__(
        self,
        n: int,
        *,
        r_min: float = 0.0,
        r_max: float = 1.0,
        max_phase: float = 2 * np.pi,
        modulus: str = "free",
        field: str = "complex",
        rng: Seed = None,
        dtype: Any = None,
        name: str = "lambda",
    ) -> None:
        super().__init__(n, field, dtype)
        if field != "complex":
            raise ValueError(f"Diagonal: field must be 'complex', got {field!r}")
        if not 0 <= r_min < r_max <= 1:
            raise ValueError(
                f"Diagonal: expected 0 <= r_min < r_max <= 1, got r_min {r_min}, r_max {r_max}"
            )
        if not 0 < max_phase < np.inf:
            raise ValueError(f"Diagonal: max_phase must be positive and finite, got {max_phase}")
        if modulus not in MODULI:
            raise ValueError(f"Diagonal: modulus must be 'free' or 'one', got {modulus!r}")
        self.modulus, self.unitary = modulus, modulus == "one"
        rng = np.random.default_rng(rng)
        # Open intervals: both logarithms below are finite.
        u, v = rng.uniform(np.finfo(float).eps, 1, (2, n))
        modulus_log = np.log(u * (r_max**2 - r_min**2) + r_min**2) / 2
        if not self.unitary:
            self._nu = self.parameter(np.log(-modulus_log), f"{name}/nu")
        self._theta = self.parameter(np.log(max_phase * v), f"{name}/theta")

    def eigenvalues(self) -> Any:
        """Symbolic lambda, a complex variable ``(n,)``."""
        phase = pt.exp(self._theta)
        rim = pt.stack([pt.cos(phase), pt.sin(phase)])
        return mark(rim if self.unitary else pt.exp(-pt.exp(self._nu)) * rim)

    def matrix(self) -> TensorVariable:
        return np.eye(self.n, dtype=self.dtype) * plain(self.eigenvalues())[:, None, :]

    def product(self, h):
        return stacked.mul(h, plain(self.eigenvalues())[:, None, :])

    def value(self) -> Array:
        """Current matrix, computed by NumPy in the parameters' precision."""
        return np.diag(self.eigenvalues_value())

    def eigenvalues_value(self) -> Array:
        """Current lambda as a NumPy complex array ``(n,)``."""
        exponent = 1j * np.exp(np.array(self._theta.get_value()))
        return np.exp(exponent if self.unitary else exponent - np.exp(self._nu.get_value()))

    def set_value(self, W: Array) -> None:
        """Set the parameters so that the matrix is the NumPy array W.

        Raises ValueError for a W that is not diagonal, naming what is beside the diagonal, and for
        eigenvalues that are not in the open disk without its center, or not of modulus 1.
        """
        who = "Diagonal.set_value"
        check = unitary_matrix if self.unitary else square_matrix
        arguments = (self.dtype,) if self.unitary else ()
        check(who, W, self.n, self.field, *arguments)
        W = square_matrix(who, W, self.n, self.field)
        found = np.diagonal(W)
        beside = np.linalg.norm(W - np.diag(found))
        limit = self.n * np.finfo(self.dtype).eps ** 0.5
        if beside > limit:
            raise ValueError(
                f"{who}: W must be diagonal, got norm {beside:.2e} beside the diagonal, the limit is "
                f"{limit:.1e}"
            )
        moduli = np.abs(found)
        if not self.unitary:
            if not ((moduli > 0) & (moduli < 1)).all():
                raise ValueError(
                    f"{who}: the eigenvalues of W must have moduli in (0, 1), got "
                    f"{moduli.min():.6g} to {moduli.max():.6g}"
                )
            self._nu.set_value(np.log(-np.log(moduli)).astype(self.dtype))
        phase = np.angle(found)
        phase = np.where(phase > 0, phase, phase + 2 * np.pi)
        self._theta.set_value(np.log(phase).astype(self.dtype))
