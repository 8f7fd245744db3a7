"""Long short-term memory, a gated baseline."""

import numpy as np
import pytensor.tensor as pt

from unitarygraph.nn.cell import Cell
from unitarygraph.nn.initializers import glorot_uniform, haar
from unitarygraph.nn.recurrent import drive_of
from unitarygraph.nn.steps import run_steps


class LSTMCell(Cell):
    r"""With (i, f, g, o) the four blocks of columns of :math:`h_{t-1} W + x_t V + b`,

    .. math::
        c_t = \sigma(f) \circ c_{t-1} + \sigma(i) \circ \tanh(g), \quad
        h_t = \sigma(o) \circ \tanh(c_t).

    V ``(m, 4n)`` starts Glorot uniform, W ``(n, 4n)`` Haar-orthogonal, block by block; b ``(4n,)``
    is `forget_bias` in the block of f and zero elsewhere, as are the first h and c. 4n(m + n + 1)
    parameters; a step is one product with W. Real states ``(T, B, n)``.

    Parameters
    ----------
    input_size, hidden_size : m, n
    forget_bias : Jozefowicz, Zaremba and Sutskever (2015) advise 1
    rng : NumPy Generator or seed
    dtype, prefix : as `Cell`

    Sources: Hochreiter and Schmidhuber (1997); the forget gate is of Gers, Schmidhuber and Cummins
    (2000).
    """

    def __init__(self, input_size, hidden_size, *, forget_bias=1.0, rng=0, dtype=None, prefix=""):
        super().__init__(input_size, hidden_size, dtype=dtype, prefix=prefix)
        rng, n = np.random.default_rng(rng), hidden_size
        inputs = [glorot_uniform(rng, (input_size, n)) for _ in range(4)]
        recurrent = [haar(rng, n, "real") for _ in range(4)]
        self.kernel = self.add("V", np.concatenate(inputs, axis=1))
        self.weight = self.add("W", np.concatenate(recurrent, axis=1))
        self.bias = self.add("b", np.repeat([0, forget_bias, 0, 0], n))

    def __call__(self, x, mask=None):
        n = self.hidden_size
        drive = drive_of(x, self.kernel) + self.bias

        def step(drive_t, h, c, W):
            z = pt.dot(h, W) + drive_t
            i, f, o = (pt.sigmoid(z[:, k * n : (k + 1) * n]) for k in (0, 1, 3))
            c = f * c + i * pt.tanh(z[:, 2 * n : 3 * n])
            return o * pt.tanh(c), c

        start = self.start(x)
        return run_steps(step, [drive], [start, start], [self.weight], mask)[0]
