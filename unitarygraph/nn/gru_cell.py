"""Gated recurrent unit, a gated baseline."""

from typing import Any

import numpy as np
from pytensor.tensor.variable import TensorVariable

from unitarygraph.nn.cell import Cell
from unitarygraph.nn.initializers import glorot_uniform, haar
from unitarygraph.nn.recurrence import drive_of
from unitarygraph.nn.steps import in_blocks
from unitarygraph.ops.recurrence import gated_recurrence
from unitarygraph.stacked.typing import Seed, Value


class GRUCell(Cell):
    r"""Gates r and z, the two blocks of columns of a logistic function, and a candidate c:

    .. math::
        (r, z) &= \sigma(h_{t-1} W_g + x_t V_g + b_g), \\
        c &= \tanh((r \circ h_{t-1}) W + x_t V_c + b_c), \\
        h_t &= z \circ h_{t-1} + (1 - z) \circ c.

    The parameter ``V`` ``(m, 3n)`` is :math:`[V_g, V_c]`, ``b`` ``(3n,)`` :math:`[b_g, b_c]`,
    ``W_g`` ``(n, 2n)`` and ``W`` ``(n, n)``: 3n(m + n + 1) parameters; a step is two
    products. Real states ``(T, B, n)``. V starts Glorot uniform, W and W_g Haar-orthogonal,
    block by block, the first state at zero; b, which the paper leaves out, is `gate_bias` for both
    gates and zero for c.

    Parameters
    ----------
    input_size, hidden_size : m, n
    gate_bias : first value of b_g
    rng : NumPy Generator or seed, by default fresh entropy
    dtype, prefix : as `Cell`

    Source: Cho et al. (2014), "Learning phrase representations using RNN encoder-decoder".
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        gate_bias: float = 0.0,
        rng: Seed = None,
        dtype: Any = None,
        prefix: str = "",
    ) -> None:
        super().__init__(input_size, hidden_size, dtype=dtype, prefix=prefix)
        rng, n = np.random.default_rng(rng), hidden_size
        inputs = [glorot_uniform(rng, (input_size, n)) for _ in range(3)]
        *gates, candidate = (haar(rng, n, "real") for _ in range(3))
        self.input_weight = self.parameter("V", np.concatenate(inputs, axis=1))
        self.gate_weight = self.parameter("W_g", np.concatenate(gates, axis=1))
        self.weight = self.parameter("W", candidate)
        self.bias = self.parameter("b", np.repeat([gate_bias, gate_bias, 0], n))

    def run(self, x: TensorVariable, mask: Value | None = None) -> TensorVariable:
        n = self.hidden_size
        return gated_recurrence(
            "gru",
            in_blocks(drive_of(x, self.input_weight), n),
            in_blocks(self.gate_weight, n),
            self.weight,
            bias=in_blocks(self.bias, n),
            h0=self.start(x),
            mask=mask,
        )
