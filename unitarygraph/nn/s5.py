"""The S5 layer: a discretized diagonal state space that starts from HiPPO's eigenvalues."""

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
from unitarygraph.ops.recurrence import diagonal_recurrence
from unitarygraph.parameter import parameter
from unitarygraph.stacked.typing import Array, Seed, Value

DISCRETIZATIONS = ("zoh", "bilinear")
#: real parts of eigenvalues end here, short of instability
LARGEST_REAL_PART = -1e-4


class S5(Module):
    r"""Real sequences ``(T, B, m) -> (T, B, m)`` through n complex states, x' = Lambda x + u B:

    .. math:: x_t = \bar\Lambda \circ x_{t-1} + u_t \bar B, \quad
              y_t = 2\,\mathrm{Re}(x_t C) + D \circ u_t,

    x_0 = 0; twice the real part stands for the states with the conjugate eigenvalues. With
    ``discretization="zoh"`` the input is held over a step :math:`\Delta = e^\tau`,

    .. math:: \bar\Lambda = e^{\Lambda\Delta}, \quad \bar B = B \circ (\bar\Lambda - 1) / \Lambda,

    with ``"bilinear"`` :math:`\bar\Lambda = (1 + \Lambda\Delta/2) / (1 - \Lambda\Delta/2)` and
    :math:`\bar B = B \circ \Delta / (1 - \Lambda\Delta/2)`. Real parts of :math:`\Lambda` above -1e-4
    count as that. All steps in `unitarygraph.diagonal_recurrence`.

    :math:`\Lambda` starts with the eigenvalues of negative imaginary part of `blocks` equal blocks, each
    the normal part of the HiPPO-LegS matrix of size 2n / blocks; with its eigenvectors V, in columns as
    the paper has it, B = V^H B' and C = C' V with B' N(0, 1/m) and C' N(0, 1/(2n)) in both parts;
    :math:`\tau` uniform between the logarithms of `step_min` and `step_max`, D N(0, 1).

    Parameters
    ----------
    features, state_size : m, n
    blocks : divides n
    discretization : "zoh" or "bilinear"
    step_min, step_max : positive
    rng : NumPy Generator or seed, by default fresh entropy
    dtype : by default ``config.floatX``
    name : of the parameters ``<name>/re``, ``im``, ``tau``, ``B``, ``C`` and ``D``

    Real parameters: 4mn + 3n + m. Of the group "orthogonal" are those that the authors train at a
    smaller rate and without weight decay: the real and imaginary parts of Lambda, tau and B.

    Raises ValueError for numbers out of range, another discretization and an x of another shape.

    Source: Smith, Warrington and Linderman (2023), "Simplified state space layers for sequence modeling".
    """

    def __init__(
        self,
        features: int,
        state_size: int,
        *,
        blocks: int = 1,
        discretization: str = "zoh",
        step_min: float = 1e-3,
        step_max: float = 0.1,
        rng: Seed = None,
        dtype: Any = None,
        name: str = "s5",
    ) -> None:
        for key, size in {"features": features, "state_size": state_size, "blocks": blocks}.items():
            if size < 1:
                raise ValueError(f"S5: {key} must be at least 1, got {size}")
        if state_size % blocks:
            raise ValueError(f"S5: blocks must divide state_size {state_size}, got {blocks}")
        if discretization not in DISCRETIZATIONS:
            raise ValueError(
                f"S5: discretization must be one of {', '.join(DISCRETIZATIONS)}, got "
                f"{discretization!r}"
            )
        if not 0 < step_min <= step_max:
            raise ValueError(
                f"S5: expected 0 < step_min <= step_max, got {step_min} and {step_max}"
            )
        m, n = features, state_size
        self.features, self.state_size, self.discretization = m, n, discretization
        self.dtype = dtype or pytensor.config.floatX
        rng = np.random.default_rng(rng)

        def kept(key, value, field="real", group=None):
            return parameter(value.astype(self.dtype), Euclidean(field), f"{name}/{key}", group)

        eigenvalues, V = normal_hippo(2 * n // blocks)
        eigenvalues, V = np.tile(eigenvalues, blocks), np.kron(np.eye(blocks), V)
        B = (rng.standard_normal((m, 2 * n)) / np.sqrt(m)) @ V.conj()
        C = rng.standard_normal((2, 2 * n, m)) / np.sqrt(2 * n)
        C = V.T @ (C[0] + 1j * C[1])
        self.re = kept("re", eigenvalues.real, group="orthogonal")
        self.im = kept("im", eigenvalues.imag, group="orthogonal")
        self.tau = kept(
            "tau", rng.uniform(np.log(step_min), np.log(step_max), n), group="orthogonal"
        )
        self.B = kept("B", np.stack([B.real, B.imag]), "complex", "orthogonal")
        self.C = kept("C", np.stack([C.real, C.imag]), "complex")
        self.D = kept("D", rng.standard_normal(m))

    def discrete(self) -> tuple[TensorVariable, TensorVariable]:
        """Eigenvalues of a step and the factor of B, stacked ``(2, n)`` both."""
        real = pt.minimum(self.re, np.asarray(LARGEST_REAL_PART, self.dtype))
        step = pt.exp(self.tau)
        x, y = real * step, self.im * step
        if self.discretization == "zoh":
            growth = pt.exp(x)
            after = growth * pt.stack([pt.cos(y), pt.sin(y)])
            # e^z - 1 = (e^x - 1) cos y - 2 sin(y / 2)^2 + i e^x sin y loses nothing at small z
            half = pt.sin(y / 2)
            change = pt.stack([pt.expm1(x) * pt.cos(y) - 2 * half * half, after[1]])
            return after, divided(change, pt.stack([real, self.im]))
        one = pt.ones_like(x)
        below = pt.stack([one - x / 2, -y / 2])
        return (
            divided(pt.stack([one + x / 2, y / 2]), below),
            divided(pt.stack([step, pt.zeros_like(step)]), below),
        )

    def matrices(self) -> list[Array]:
        """Current diag of a step as a NumPy array."""
        real = np.minimum(self.re.get_value(), LARGEST_REAL_PART)
        z = (real + 1j * self.im.get_value()) * np.exp(self.tau.get_value())
        return [np.diag(np.exp(z) if self.discretization == "zoh" else (2 + z) / (2 - z))]

    def __call__(self, u: TensorVariable, mask: Value | None = None) -> TensorVariable:
        """Outputs of all steps; where ``mask`` (T, B) is 0 the states stand still."""
        if u.type.ndim != 3 or u.type.shape[-1] not in (None, self.features):
            raise ValueError(f"S5: x must be (T, B, {self.features}), got shape {u.type.shape}")
        eigenvalues, factor = self.discrete()
        B = stacked.mul(plain(self.B), factor[:, None, :])
        states = diagonal_recurrence(drive_of(u, B), eigenvalues, mask=mask)
        # 2 Re(x C) = [Re x, Im x] [2 Re C; -2 Im C]
        return readout(states, 2 * stacked_rows(stacked.conj(plain(self.C))), self.D * u)


def divided(a: TensorVariable, b: TensorVariable) -> TensorVariable:
    """a / b of stacked ``(2, n)``, b not near zero."""
    size = b[0] * b[0] + b[1] * b[1]
    return pt.stack([a[0] * b[0] + a[1] * b[1], a[1] * b[0] - a[0] * b[1]]) / size


def normal_hippo(size: int) -> tuple[Array, Array]:
    r"""Half the eigenvalues of HiPPO-LegS's normal part, and their eigenvectors ``(size, size/2)``.

    The matrix :math:`-\sqrt{(2i+1)(2j+1)}` below the diagonal, :math:`-(i+1)` on it, plus
    :math:`\sqrt{(i + 1/2)(j + 1/2)}`, is -1/2 and a skew matrix: of its pairs of eigenvalues those
    with negative imaginary part.
    """
    root = np.sqrt(np.arange(size) + 0.5)
    skew = np.triu(np.outer(root, root), 1)
    angles, V = np.linalg.eigh(-1j * (skew - skew.T))
    return -0.5 + 1j * angles[: size // 2], V[:, : size // 2]
