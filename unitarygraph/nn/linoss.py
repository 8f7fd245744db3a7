"""The linear oscillatory state space layer: forced harmonic oscillators, stepped implicitly or not."""

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph import stacked
from unitarygraph.core.layout import plain
from unitarygraph.manifolds import Euclidean
from unitarygraph.module import Module
from unitarygraph.nn.recurrence import drive_of, readout, stacked_rows
from unitarygraph.nn.steps import run_steps
from unitarygraph.ops.gates import sigmoid
from unitarygraph.parameter import parameter
from unitarygraph.stacked.typing import Array, Seed, Value

DISCRETIZATIONS = ("im", "imex")


class LinOSS(Module):
    r"""Real sequences ``(T, B, m) -> (T, B, m)`` through n oscillators :math:`x'' = -A x + u B`:

    .. math:: y_t = \mathrm{Re}(x_t C) + D \circ u_t

    with complex positions x and velocities z, at first zero, and A = max(a, 0) diagonal. With
    ``discretization="im"`` both are stepped implicitly,

    .. math:: z_t = z_{t-1} + \Delta\,(-A x_t + u_t B), \quad x_t = x_{t-1} + \Delta z_t,

    that is :math:`x_t = (x_{t-1} + \Delta z_{t-1} + \Delta^2 u_t B) / (1 + \Delta^2 A)`, a matrix whose
    eigenvalues have the modulus :math:`(1 + \Delta^2 A)^{-1/2}`: oscillations die away. With ``"imex"``
    the force is that of the old position, :math:`-A x_{t-1}`; the step is symplectic, its eigenvalues
    lie on the unit circle while :math:`\Delta^2 A \le 4`, and nothing is forgotten. Steps
    :math:`\Delta = \sigma(s)`.

    Real parameters: 4mn + 2n + m. B starts U(-1, 1) over the root of m and C over that of n in real and
    imaginary part, a U(0, 1), s N(0, `step_std`^2), D N(0, 1).

    Parameters
    ----------
    features, state_size : m, n
    discretization : "im" or "imex"
    step_std : standard deviation of the first s
    rng : NumPy Generator or seed, by default fresh entropy
    dtype : by default ``config.floatX``
    name : of the parameters ``<name>/a``, ``s``, ``B``, ``C`` and ``D``

    Raises ValueError for sizes below 1, another discretization and an x of another shape.

    Source: Rusch and Rus (2025), "Oscillatory state-space models".
    """

    def __init__(
        self,
        features: int,
        state_size: int,
        *,
        discretization: str = "imex",
        step_std: float = 0.5,
        rng: Seed = None,
        dtype: Any = None,
        name: str = "linoss",
    ) -> None:
        for key, size in {"features": features, "state_size": state_size}.items():
            if size < 1:
                raise ValueError(f"LinOSS: {key} must be at least 1, got {size}")
        if discretization not in DISCRETIZATIONS:
            raise ValueError(
                f"LinOSS: discretization must be one of {', '.join(DISCRETIZATIONS)}, got "
                f"{discretization!r}"
            )
        m, n = features, state_size
        self.features, self.state_size, self.discretization = m, n, discretization
        self.dtype = dtype or pytensor.config.floatX
        rng = np.random.default_rng(rng)

        def kept(key, value, field="real"):
            return parameter(value.astype(self.dtype), Euclidean(field), f"{name}/{key}")

        self.a = kept("a", rng.uniform(0, 1, n))
        self.s = kept("s", step_std * rng.standard_normal(n))
        self.B = kept("B", rng.uniform(-(m**-0.5), m**-0.5, (2, m, n)), "complex")
        self.C = kept("C", rng.uniform(-(n**-0.5), n**-0.5, (2, n, m)), "complex")
        self.D = kept("D", rng.standard_normal(m))

    def matrices(self) -> list[Array]:
        """The matrix by which a step multiplies rows (z, x), ``(2n, 2n)``."""
        A, step = np.maximum(self.a.get_value(), 0), 1 / (1 + np.exp(-self.s.get_value()))
        one = np.ones_like(A)
        if self.discretization == "im":
            S = 1 + step**2 * A
            columns = [[1 / S, -step * A / S], [step / S, 1 / S]]
        else:
            columns = [[one, -step * A], [step, 1 - step**2 * A]]
        return [np.block([[np.diag(part) for part in row] for row in columns]).T]

    def __call__(self, u: TensorVariable, mask: Value | None = None) -> TensorVariable:
        """Outputs of all steps; where ``mask`` (T, B) is 0 the states stand still."""
        if u.type.ndim != 3 or u.type.shape[-1] not in (None, self.features):
            raise ValueError(f"LinOSS: x must be (T, B, {self.features}), got shape {u.type.shape}")
        force = drive_of(u, plain(self.B))
        A, step = pt.maximum(self.a, np.asarray(0, self.dtype)), sigmoid(self.s)

        def implicit(force_t, x, z, A, step):
            x = (x + step * (z + step * force_t)) / (1 + step * step * A)
            return [x, z + step * (force_t - A * x)]

        def symplectic(force_t, x, z, A, step):
            z = z + step * (force_t - A * x)
            return [x + step * z, z]

        start = pt.zeros(
            [force.shape[i] if s is None else s for i, s in enumerate(force.type.shape)][1:],
            dtype=self.dtype,
        )
        stepped = implicit if self.discretization == "im" else symplectic
        x = run_steps(stepped, [force], [start, start], [A, step], mask)[0]
        # Re(x C) = [Re x, Im x] [Re C; -Im C]
        return readout(x, stacked_rows(stacked.conj(plain(self.C))), self.D * u)
