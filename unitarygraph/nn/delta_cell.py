"""The delta rule: a state matrix moved by products of reflections that depend on the input."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph.nn.cell import Cell
from unitarygraph.nn.initializers import glorot_uniform
from unitarygraph.nn.recurrence import drive_of
from unitarygraph.nn.steps import run_steps
from unitarygraph.ops.gates import sigmoid
from unitarygraph.stacked.typing import Seed, Value

#: under the root of the norms of keys and queries
EPSILON = 1e-6


class DeltaCell(Cell):
    r"""A linear recurrence on matrices, :math:`S_t = A_t S_{t-1} + B_t`, of J delta steps per input:

    .. math::
        S_{t,0} &= g_t\, S_{t-1,J}, \\
        S_{t,j} &= (I - \beta_{t,j}\, k_{t,j} k_{t,j}^T)\, S_{t,j-1}
                   + \beta_{t,j}\, k_{t,j} v_{t,j}^T, \quad j = 1, \ldots, J, \\
        h_t &= q_t S_{t,J},

    S ``(K, n / heads)`` for each head, at first zero. Keys and queries of length K are
    :math:`\mathrm{SiLU}(\cdot)` of affine functions of x_t, divided by their norms; values are affine,
    :math:`\beta` is the logistic function of one, in (0, 1), or twice that with ``negative``. Then
    :math:`I - \beta k k^T` has an eigenvalue in (-1, 1), near a Householder reflection at beta = 2,
    without it one in (0, 1), with which neither parity nor any other periodic state can be held. A
    product of J reflections is any orthogonal matrix that moves J dimensions: J = 1 swaps two
    elements, J = n - 1 permutes n. g_t is 1, or with ``gated`` the logistic function of an affine one.

    The parameter ``V`` ``(m, N)`` is that of all affine functions, ``b`` ``(N,)`` their constants, N =
    heads (K + J (K + 1 + n / heads)) and, gated, 1 a head more: in the order q, k, v, beta, g. V starts
    Glorot uniform in each of these blocks, b at 0, of g at 4. Real states ``(T, B, n)``; where a mask is
    0, S and h stand still.

    Parameters
    ----------
    input_size, hidden_size : m, n
    key_size : K
    householders : J
    heads : n must be a multiple of it
    negative, gated : as said above
    rng : NumPy Generator or seed, by default fresh entropy
    dtype, prefix : as `Cell`

    Raises ValueError for a number below 1 and for heads that do not divide n.

    Source: Yang, Wang, Zhang, Shen and Kim (2024), "Parallelizing linear transformers with the delta
    rule over sequence length" (J = 1); Grazzi, Siems, Zela, Franke, Hutter and Pontil (2025),
    "Unlocking state-tracking in linear RNNs through negative eigenvalues"; Siems, Carstensen, Zela,
    Hutter, Pontil and Grazzi (2025), "DeltaProduct". The short convolutions, norms and gates of their
    blocks are left out.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        key_size: int = 16,
        householders: int = 1,
        heads: int = 1,
        negative: bool = False,
        gated: bool = False,
        rng: Seed = None,
        dtype: Any = None,
        prefix: str = "",
    ) -> None:
        sizes = {"key_size": key_size, "householders": householders, "heads": heads}
        for name, size in sizes.items():
            if size < 1:
                raise ValueError(f"DeltaCell: {name} must be at least 1, got {size}")
        if hidden_size % heads:
            raise ValueError(f"DeltaCell: heads must divide {hidden_size} units, got {heads}")
        super().__init__(input_size, hidden_size, dtype=dtype, prefix=prefix)
        self.key_size, self.householders, self.heads = key_size, householders, heads
        self.negative, self.gated = negative, gated
        rng = np.random.default_rng(rng)
        J, n = householders, hidden_size
        #: columns of V for q, k, v, beta and g
        self.widths = [heads * key_size, J * heads * key_size, J * n, J * heads]
        self.widths += [heads] if gated else []
        weights = [glorot_uniform(rng, (input_size, width)) for width in self.widths]
        constants = [np.full(width, 4.0 * (k == 4)) for k, width in enumerate(self.widths)]
        self.input_weight = self.parameter("V", np.concatenate(weights, axis=1))
        self.bias = self.parameter("b", np.concatenate(constants))

    def run(self, x: TensorVariable, mask: Value | None = None) -> TensorVariable:
        J, heads, size = self.householders, self.heads, self.hidden_size // self.heads
        affine = drive_of(x, self.input_weight) + self.bias
        edges = np.cumsum([0, *self.widths])
        blocks = [affine[..., a:b] for a, b in pairwise(edges)]
        T, B = (affine.shape[i] if s is None else s for i, s in enumerate(affine.type.shape[:2]))

        def per_head(block, *axes):
            """``(T, B, ...)`` as ``(T, ..., B)``: a mask (B, 1) then lies over the last axes."""
            return pt.moveaxis(pt.reshape(block, (T, B, *axes)), 1, -1)

        q = unit(per_head(blocks[0], heads, self.key_size), axis=2)
        k = unit(per_head(blocks[1], J, heads, self.key_size), axis=3)
        v = pt.swapaxes(per_head(blocks[2], J, heads, size), -2, -1)
        beta = sigmoid(per_head(blocks[3], J, heads))
        if self.negative:
            beta = beta * np.asarray(2, beta.type.dtype)
        sequences = [q, k, v, beta]
        if self.gated:
            sequences.append(sigmoid(per_head(blocks[4], heads)))

        def step(q_t, k_t, v_t, beta_t, *rest):
            *gate, _, S = rest
            if gate:
                S = S * gate[0][:, None, :, None]
            for j in range(J):
                key = k_t[j][..., None]
                wrong = v_t[j] - pt.sum(key * S, axis=1)
                S = S + key * (beta_t[j][..., None] * wrong)[:, None]
            return [pt.sum(q_t[..., None] * S, axis=1), S]

        # S is (heads, K, B, n / heads), h (heads, B, n / heads).
        starts = [(heads, B, size), (heads, self.key_size, B, size)]
        zeros = [pt.zeros(shape, dtype=self.dtype) for shape in starts]
        states = run_steps(step, sequences, zeros, (), mask)[0]
        return pt.reshape(pt.moveaxis(states, 1, 2), (T, B, self.hidden_size))


def unit(z, axis):
    """SiLU(z) over its norm along an axis."""
    z = z * sigmoid(z)
    return z / pt.sqrt(pt.sum(z * z, axis=axis, keepdims=True) + np.asarray(EPSILON, z.type.dtype))
