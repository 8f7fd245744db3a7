"""The adaptive unitary state space layer: eigenvalues on the rim of the unit disk, set by the input."""

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph import stacked
from unitarygraph.core.layout import plain
from unitarygraph.manifolds import Euclidean
from unitarygraph.module import Module
from unitarygraph.nn.recurrence import drive_of
from unitarygraph.ops.gates import sigmoid
from unitarygraph.parameter import parameter
from unitarygraph.stacked.typing import Seed, Value


class AUSSM(Module):
    r"""Real sequences ``(T, B, m) -> (T, B, m)`` through n complex states for each feature i:

    .. math::
        h_{t,ij} &= e^{i \varphi_{t,ij}}\, h_{t-1,ij} + \delta_{t,i}\, s_{t,i}\, b_j, \\
        y_{t,i} &= \mathrm{Re} \sum_j c_j h_{t,ij} + d_i s_{t,i}, \quad s = \mathrm{SiLU}(u),

    h_0 = 0. Phases :math:`\varphi` and steps :math:`\delta` depend on the input,

    .. math:: \varphi_t = u_t P / \sqrt m + p, \quad \delta_t = \mathrm{softplus}(u_t R S + s).

    The diagonal recurrence is unitary at every step, whatever is read, and one that the input turns:
    with :math:`\varphi = 2 \pi a / k` it adds a modulo k, which fixed eigenvalues cannot. With
    :math:`G_t = \varphi_1 + \dots + \varphi_t`

    .. math:: h_t = e^{i G_t} \sum_{r \le t} e^{-i G_r} \delta_r s_r b

    is two running sums over time, in O(T B m n); the phases are summed in float64 and taken modulo
    :math:`2 \pi`, since they grow with T.

    Parameters
    ----------
    features, state_size : m, n
    rng : NumPy Generator or seed, by default fresh entropy
    dtype : by default ``config.floatX``
    name : of the parameters ``<name>/P`` ``(m, mn)``, ``p`` ``(mn,)``, ``R`` ``(m, n)``, ``S``
        ``(n, m)``, ``s`` ``(m,)``, ``b`` and ``c`` ``(2, n)``, ``d`` ``(m,)``

    Real parameters: m^2 n + 3mn + 4n + 2m. P, R, S and s start U(-1, 1) over the root of their rows,
    p U(-pi, pi), b and c complex normal of variance 1, d at 1.

    Raises ValueError for sizes below 1 and an x of another shape.

    Source: Karuvally et al. (2025), "Bridging expressivity and scalability with adaptive unitary SSMs",
    and their code, where s is added twice, which changes its first value and rate alone.
    """

    def __init__(
        self,
        features: int,
        state_size: int,
        *,
        rng: Seed = None,
        dtype: Any = None,
        name: str = "aussm",
    ) -> None:
        for key, size in {"features": features, "state_size": state_size}.items():
            if size < 1:
                raise ValueError(f"AUSSM: {key} must be at least 1, got {size}")
        m, n = features, state_size
        self.features, self.state_size = m, n
        self.dtype = dtype or pytensor.config.floatX
        rng = np.random.default_rng(rng)

        def uniform(limit, *shape):
            return rng.uniform(-limit, limit, shape)

        def kept(key, value, field="real"):
            return parameter(value.astype(self.dtype), Euclidean(field), f"{name}/{key}")

        self.phase_weight = kept("P", uniform(m**-0.5, m, m * n))
        self.phase_bias = kept("p", uniform(np.pi, m * n))
        self.rank_weight = kept("R", uniform(m**-0.5, m, n))
        self.step_weight = kept("S", uniform(n**-0.5, n, m))
        self.step_bias = kept("s", uniform(n**-0.5, m))
        self.b = kept("b", rng.standard_normal((2, n)) / np.sqrt(2), "complex")
        self.c = kept("c", rng.standard_normal((2, n)) / np.sqrt(2), "complex")
        self.d = kept("d", np.ones(m))

    def __call__(self, u: TensorVariable, mask: Value | None = None) -> TensorVariable:
        """Outputs of all steps; where ``mask`` (T, B) is 0 the states stand still."""
        if u.type.ndim != 3 or u.type.shape[-1] not in (None, self.features):
            raise ValueError(f"AUSSM: x must be (T, B, {self.features}), got shape {u.type.shape}")
        m, n = self.features, self.state_size
        T, B = (u.shape[i] if s is None else s for i, s in enumerate(u.type.shape[:2]))
        scale = np.asarray(m**-0.5, self.dtype)
        phase = drive_of(u, self.phase_weight) * scale + self.phase_bias
        phase = pt.reshape(phase, (T, B, m, n))
        step = pt.softplus(
            drive_of(drive_of(u, self.rank_weight), self.step_weight) + self.step_bias
        )
        read = u * sigmoid(u)
        written = (step * read)[..., None]
        if mask is not None:
            valid = pt.neq(mask, np.int8(0))[:, :, None, None]
            phase, written = (pt.switch(valid, part, np.int8(0)) for part in (phase, written))
        turned = pt.mod(pt.cumsum(pt.cast(phase, "float64"), axis=0), 2 * np.pi)
        turned = pt.cast(turned, self.dtype)
        cos, sin = pt.cos(turned), pt.sin(turned)
        re, im = pt.cumsum(cos * written, axis=0), -pt.cumsum(sin * written, axis=0)
        real, imaginary = cos * re - sin * im, sin * re + cos * im
        weights = stacked.mul(plain(self.b)[:, None], plain(self.c)[:, None])[:, 0]
        return pt.dot(real, weights[0]) - pt.dot(imaginary, weights[1]) + self.d * read
