"""Complex gated recurrent unit: real gates of complex numbers around a unitary matrix."""

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph.core.layout import plain
from unitarygraph.manifolds import Euclidean
from unitarygraph.nn.cell import Cell
from unitarygraph.nn.initializers import glorot_uniform
from unitarygraph.nn.recurrence import check_inputs, is_index
from unitarygraph.nn.steps import in_blocks
from unitarygraph.ops.activations import ACTIVATIONS, MIXING
from unitarygraph.ops.recurrence import gated_recurrence
from unitarygraph.parametrizations.base import Parametrization
from unitarygraph.stacked.typing import Seed, Value


class CGRNNCell(Cell):
    r"""Complex states under two real gates:

    .. math:: h_t = z \circ f((r \circ h_{t-1}) W + x_t V + b) + (1 - z) \circ h_{t-1}

    With ``gates=2`` each gate has a complex pre-activation of its own, of which it weighs real and
    imaginary part, :math:`\alpha = \sigma(a)` a number for each gate:

    .. math::
        p_r = h_{t-1} W_r + x_t V_r + b_r, \quad
        r = \sigma(\alpha_r \mathrm{Re}\,p_r + (1 - \alpha_r)\,\mathrm{Im}\,p_r),

    z likewise. With ``gates=1`` both are of one pre-activation:
    :math:`r = \sigma(\mathrm{Re}\,p), z = \sigma(\mathrm{Im}\,p)`. At z = 1 the state is new, where
    in a GRU it is the old one.

    Parameters are ``V`` ``(2, m, n)``, ``b`` ``(2, n)``, ``V_g`` ``(2, m, kn)``, ``W_g``
    ``(2, n, kn)``, ``b_g`` ``(2, kn)`` of k gates (in the order r, z), ``a`` ``(2,)`` if k = 2, and
    f's ``offset`` ``(n,)`` (modReLU's b) or ``m`` (Hirose's): 2(1 + k)(mn + n) + 2kn^2 + 2(k - 1) + n
    (Hirose: 1) and those of W. States ``(T, 2, B, n)``, at first zero. A step is two
    products of ``(B, 2n)`` with ``(2n, 2n)``: one for both gates, whose weights are mixed before, and
    one for W.

    V, V_g and W_g start Glorot uniform, plane by plane, b at zero, both planes of b_g at
    `gate_bias`, a at zero (:math:`\alpha = 1/2`), the offset from U(-0.01, 0.01), m from U(0.9, 1.1).

    Parameters
    ----------
    parametrization : W, complex; its size is the cell's
    input_size : m
    gates : 2 or 1
    activation : f, a name in `unitarygraph.nn.ACTIVATIONS` that works on each number alone
    gate_bias : first value of b_g; 4 opens both gates, as the authors do where W is unitary
    train_mixture : whether a is trained
    complex_input, prefix : as `Cell`
    rng : NumPy Generator or seed, by default fresh entropy

    Raises ValueError for a real parametrization, other numbers of gates or an unknown activation.

    Source: Wolter and Yao (2018), "Complex gated recurrent neural networks"; one gate and the ranges
    of a and m as in their code.
    """

    def __init__(
        self,
        parametrization: Parametrization,
        input_size: int,
        *,
        gates: int = 2,
        activation: str = "modrelu",
        gate_bias: float = 4.0,
        train_mixture: bool = True,
        complex_input: bool = False,
        rng: Seed = None,
        prefix: str = "",
    ) -> None:
        n, field = parametrization.n, parametrization.field
        if field != "complex":
            raise ValueError(f"CGRNNCell: parametrization must be complex, got field {field!r}")
        if gates not in (1, 2):
            raise ValueError(f"gates must be 1 or 2, got {gates!r}")
        pointwise = [name for name in ACTIVATIONS if name not in MIXING]
        if activation not in pointwise:
            raise ValueError(
                f"activation: expected one of {', '.join(pointwise)}, got {activation!r}"
            )
        super().__init__(
            input_size,
            n,
            field,
            complex_input=complex_input,
            dtype=parametrization.dtype,
            prefix=prefix,
        )
        rng = np.random.default_rng(rng)
        self.gates, self.activation = gates, activation
        self.parametrization = parametrization
        flat = Euclidean("complex")
        self.input_weight = self.parameter(
            "V", glorot_uniform(rng, (input_size, n), planes=2), flat
        )
        self.bias = self.parameter("b", np.zeros((2, n)), flat)
        # Glorot's range is that of each gate's own matrix.
        inputs, weights = (
            np.concatenate([glorot_uniform(rng, (rows, n), planes=2) for _ in range(gates)], axis=2)
            for rows in (input_size, n)
        )
        self.gate_input_weight = self.parameter("V_g", inputs, flat)
        self.gate_weight = self.parameter("W_g", weights, flat)
        self.gate_bias = self.parameter("b_g", np.full((2, gates * n), gate_bias), flat)
        self.mixture = np.zeros(2, self.dtype)
        if gates == 2 and train_mixture:
            self.mixture = self.parameter("a", self.mixture)
        self.offset = self.scale = None
        if activation == "modrelu":
            self.offset = self.parameter("offset", rng.uniform(-0.01, 0.01, n))
        elif activation == "hirose":
            self.scale = self.parameter("m", rng.uniform(0.9, 1.1))

    def run(self, x: TensorVariable, mask: Value | None = None) -> TensorVariable:
        n = self.hidden_size
        offset = self.offset
        if self.scale is not None:
            offset = self.scale * pt.ones((n,), dtype=self.dtype)
        gate_bias = pt.concatenate(self.gated(plain(self.gate_bias)[:, None]), axis=1)[0]
        bias = pt.concatenate([gate_bias, plain(self.bias).flatten()])
        drive = in_blocks(self.driven(x), n)
        W = pt.concatenate(self.gated(plain(self.gate_weight)), axis=1)
        U = real_form(self.parametrization.stored())
        B = drive.shape[1] if drive.type.shape[1] is None else drive.type.shape[1]
        states = gated_recurrence(
            "cgrnn",
            drive,
            pt.reshape(W, (2, n, 2, n)),
            pt.reshape(U, (2, n, 2, n)),
            bias=in_blocks(bias, n),
            offset=offset,
            h0=pt.zeros((B, 2, n), dtype=self.dtype),
            mask=mask,
            activation=self.activation,
        )
        return states.transpose(0, 2, 1, 3)

    def driven(self, x):
        """What r, z and the planes of the candidate see of x, side by side: ``(T, B, 4n)``."""
        check_inputs(x, True, self.dtype)
        weights = *self.gated(plain(self.gate_input_weight)), real_form(plain(self.input_weight))
        V = pt.concatenate(weights, axis=1)
        if x.type.ndim < 4:
            V = V[: self.input_size]
            return V[x] if is_index(x) else pt.tensordot(x, V, axes=[[2], [0]])
        # The planes lie side by side, so that a complex product is one real product.
        T, B = (x.shape[i] if x.type.shape[i] is None else x.type.shape[i] for i in (0, 2))
        rows = pt.reshape(x.transpose(0, 2, 1, 3), (T, B, 2 * self.input_size))
        return pt.tensordot(rows, V, axes=[[2], [0]])

    def gated(self, A):
        """From A ``(2, m, kn)`` two real ``(2m, n)``: from [Re x, Im x] to what r and z see of it."""
        n = self.hidden_size
        R = real_form(A)
        real, imaginary = R[:, : self.gates * n], R[:, self.gates * n :]
        if self.gates == 1:
            return real, imaginary
        alpha = pt.sigmoid(self.mixture)
        halves = (slice(n), slice(n, 2 * n))
        return tuple(
            alpha[k] * real[:, half] + (1 - alpha[k]) * imaginary[:, half]
            for k, half in enumerate(halves)
        )


def real_form(A):
    """``[[Re A, Im A], [-Im A, Re A]]``: it takes rows [Re x, Im x] to [Re xA, Im xA]."""
    upper = pt.concatenate([A[0], A[1]], axis=1)
    return pt.concatenate([upper, pt.concatenate([-A[1], A[0]], axis=1)])
