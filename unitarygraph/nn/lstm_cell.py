"""Long short-term memory, a gated baseline."""

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph.nn.cell import Cell
from unitarygraph.nn.initializers import glorot_uniform, haar
from unitarygraph.nn.recurrence import drive_of
from unitarygraph.nn.steps import blocks, run_steps
from unitarygraph.ops.gates import sigmoid, tanh
from unitarygraph.stacked.typing import Seed, Value


class LSTMCell(Cell):
    r"""With (i, f, g, o) the four blocks of columns of :math:`h_{t-1} W + x_t V + b`,

    .. math::
        c_t = \sigma(f) \circ c_{t-1} + \sigma(i) \circ \tanh(g), \quad
        h_t = \sigma(o) \circ \tanh(c_t).

    V ``(m, 4n)`` starts Glorot uniform, W ``(n, 4n)`` Haar-orthogonal, block by block; b ``(4n,)``
    is `forget_bias` in the block of f and zero elsewhere, as are the first h and c. 4n(m + n + 1)
    parameters; a step is a product with each block of W. Real states ``(T, B, n)``.

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
        # A product for each gate: to slice one in the step leaves a gradient to assemble in it.
        V, W, b = (blocks(p, self.hidden_size) for p in (self.input_weight, self.weight, self.bias))
        drives = [drive_of(x, V_k) + b_k for V_k, b_k in zip(V, b, strict=True)]

        def step(*arguments):
            drives, (h, c), weights = arguments[:4], arguments[4:6], arguments[6:]
            i, f, g, o = (pt.dot(h, W) + drive for W, drive in zip(weights, drives, strict=True))
            c = sigmoid(f) * c + sigmoid(i) * tanh(g)
            return sigmoid(o) * tanh(c), c

        start = self.start(x)
        return run_steps(step, drives, [start, start], W, mask)[0]
