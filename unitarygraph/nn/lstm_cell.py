"""Long short-term memory, a gated baseline."""

from typing import Any

import numpy as np
from pytensor.tensor.variable import TensorVariable

from unitarygraph.nn.cell import Cell
from unitarygraph.nn.initializers import glorot_uniform, haar
from unitarygraph.nn.recurrence import drive_of
from unitarygraph.nn.steps import in_blocks
from unitarygraph.ops.recurrence import gated_recurrence
from unitarygraph.stacked.typing import Seed, Value


class LSTMCell(Cell):
    r"""With (i, f, g, o) the four blocks of columns of :math:`h_{t-1} W + x_t V + b`,

    .. math::
        c_t = \sigma(f) \circ c_{t-1} + \sigma(i) \circ \tanh(g), \quad
        h_t = \sigma(o) \circ \tanh(c_t).

    V ``(m, 4n)`` starts Glorot uniform, W ``(n, 4n)`` Haar-orthogonal, block by block; b ``(4n,)``
    is `forget_bias` in the block of f and zero elsewhere, as are the first h and c. 4n(m + n + 1)
    parameters; a step is one product
    with W. Real states ``(T, B, n)``.

    Parameters
    ----------
    input_size, hidden_size : m, n
    forget_bias : Jozefowicz, Zaremba and Sutskever (2015) advise 1
    rng : NumPy Generator or seed, by default fresh entropy
    dtype, prefix : as `Cell`

    Sources: Hochreiter and Schmidhuber (1997); the forget gate is of Gers, Schmidhuber and Cummins
    (2000).
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        forget_bias: float = 1.0,
        rng: Seed = None,
        dtype: Any = None,
        prefix: str = "",
    ) -> None:
        super().__init__(input_size, hidden_size, dtype=dtype, prefix=prefix)
        rng, n = np.random.default_rng(rng), hidden_size
        inputs = [glorot_uniform(rng, (input_size, n)) for _ in range(4)]
        recurrent = [haar(rng, n, "real") for _ in range(4)]
        self.input_weight = self.parameter("V", np.concatenate(inputs, axis=1))
        self.weight = self.parameter("W", np.concatenate(recurrent, axis=1))
        self.bias = self.parameter("b", np.repeat([0, forget_bias, 0, 0], n))

    def run(self, x: TensorVariable, mask: Value | None = None) -> TensorVariable:
        n, start = self.hidden_size, self.start(x)
        return gated_recurrence(
            "lstm",
            in_blocks(drive_of(x, self.input_weight), n),
            in_blocks(self.weight, n),
            bias=in_blocks(self.bias, n),
            h0=start,
            c0=start,
            mask=mask,
        )
