"""Gated orthogonal recurrent unit: gates around an orthogonal matrix."""

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph.nn.cell import Cell
from unitarygraph.nn.recurrence import drive_of
from unitarygraph.nn.steps import blocks, in_blocks, run_steps
from unitarygraph.ops.activations import modrelu
from unitarygraph.ops.gates import sigmoid
from unitarygraph.ops.recurrence import gated_recurrence
from unitarygraph.parametrizations.base import Parametrization
from unitarygraph.stacked.typing import Seed, Value


class GORUCell(Cell):
    r"""Gates r and z, the two blocks of columns of a logistic function, and a candidate c:

    .. math::
        (r, z) &= \sigma(h_{t-1} W_g + x_t V_g + b_g), \\
        c &= \mathrm{modReLU}(r \circ (h_{t-1} W) + x_t V_c;\, b), \\
        h_t &= z \circ h_{t-1} + (1 - z) \circ c,

    W orthogonal by a parametrization. The gate r comes after W, where a GRU has it before. The
    parameter ``V`` ``(m, 3n)`` is :math:`[V_g, V_c]`, ``W_g`` ``(n, 2n)``, ``b_g`` ``(2n,)``, ``b``
    ``(n,)``: 3mn + 2n^2 + 3n parameters and those of W. Real states ``(T, B, n)``, at first zero. V
    and W_g start from U(-0.01, 0.01), b_g at `gate_bias` and `update_bias`, b at 0.01.

    Parameters
    ----------
    parametrization : W, real; its size is the cell's
    input_size : m
    gate_bias, update_bias : first values of b_g, those of r and of z
    structured : True, one `apply` of the parametrization a step; False, W made once, and all
        steps in one Op; None, what `prefers_structure` of it says
    rng : NumPy Generator or seed, by default fresh entropy
    prefix : as `Cell`

    Raises ValueError for a complex parametrization.

    Source: Jing et al. (2017), "Gated orthogonal recurrent units: on learning to forget", and their
    code for the initial values.
    """

    def __init__(
        self,
        parametrization: Parametrization,
        input_size: int,
        *,
        gate_bias: float = 2.0,
        update_bias: float = 0.0,
        structured: bool | None = None,
        rng: Seed = None,
        prefix: str = "",
    ) -> None:
        n, dtype = parametrization.n, parametrization.dtype
        if parametrization.field != "real":
            raise ValueError(
                f"GORUCell: parametrization must be real, got field {parametrization.field!r}"
            )
        super().__init__(input_size, n, dtype=dtype, prefix=prefix)
        rng = np.random.default_rng(rng)
        self.parametrization = parametrization
        if structured is None:
            structured = parametrization.prefers_structure()
        self.structured = structured
        self.input_weight = self.parameter("V", rng.uniform(-0.01, 0.01, (input_size, 3 * n)))
        self.gate_weight = self.parameter("W_g", rng.uniform(-0.01, 0.01, (n, 2 * n)))
        self.gate_bias = self.parameter("b_g", np.repeat([gate_bias, update_bias], n))
        self.bias = self.parameter("b", np.full(n, 0.01))

    def run(self, x: TensorVariable, mask: Value | None = None) -> TensorVariable:
        return self.run_structured(x, mask) if self.structured else self.run_dense(x, mask)

    def run_dense(self, x, mask):
        """All steps in one Op, W made once."""
        n = self.hidden_size
        bias = pt.concatenate([self.gate_bias, pt.zeros((n,), dtype=self.dtype)])
        return gated_recurrence(
            "goru",
            in_blocks(drive_of(x, self.input_weight), n),
            in_blocks(self.gate_weight, n),
            self.parametrization.stored(),
            bias=in_blocks(bias, n),
            offset=self.bias,
            h0=self.start(x),
            mask=mask,
            activation="modrelu",
        )

    def run_structured(self, x, mask):
        """Step by step, W applied in each."""
        n = self.hidden_size
        drives = [drive_of(x, V) for V in blocks(self.input_weight, n)]
        drives[:2] = [d + b for d, b in zip(drives[:2], blocks(self.gate_bias, n), strict=True)]
        weights = blocks(self.gate_weight, n)

        def step(drive_r, drive_z, drive_c, h, W_r, W_z):
            r, z = sigmoid(pt.dot(h, W_r) + drive_r), sigmoid(pt.dot(h, W_z) + drive_z)
            c = modrelu(r * self.parametrization.apply(h) + drive_c, self.bias, "real")
            return z * h + (1 - z) * c

        return run_steps(step, drives, [self.start(x)], weights, mask)[0]
