"""The adaptive-saturated cell: tanh in a trained basis around an orthogonal matrix."""

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph.core.layout import plain
from unitarygraph.nn.cell import Cell
from unitarygraph.nn.initializers import kaiming_normal
from unitarygraph.nn.recurrence import drive_of
from unitarygraph.ops.recurrence import recurrence
from unitarygraph.parametrizations.base import Parametrization
from unitarygraph.stacked.typing import Seed, Value


class ASRNNCell(Cell):
    r"""h_t = tanh((h_{t-1} W + x_t V + b) F) F^{-1}, F = D Q, D positive diagonal, Q orthogonal.

    With :math:`g_t = h_t F` that is a plain recurrence with tanh,

    .. math:: g_t = \tanh(g_{t-1}\, F^{-1} W F + (x_t V + b) F),

    which `unitarygraph.recurrence` runs; one product for all steps then gives :math:`h_t = g_t F^{-1}`,
    :math:`F^{-1} = Q^T D^{-1}`. Rows here are the paper's columns: its :math:`W_f = U_f D_f` is F^T, its
    U_f is Q^T. :math:`D = |P| +` `min_scale`: small D make tanh nearly linear, so that the step is nearly
    orthogonal, large ones saturate it.

    The parameters are ``V`` ``(m, n)``, ``b`` ``(n,)``, ``P`` ``(n,)``, and those of W and Q. V starts
    Kaiming normal, b at zero, P from U(`low`, `high`). Real states ``(T, B, n)``, at first zero.

    Parameters
    ----------
    parametrization, basis : W and Q, real and of one size, which is the cell's
    input_size : m
    low, high, min_scale : of D; min_scale > 0
    rng : NumPy Generator or seed, by default fresh entropy
    prefix : as `Cell`

    Raises ValueError for a complex or unequal parametrization and for min_scale <= 0.

    Source: Nguyen-Duy, Pham and Nguyen, "Adaptive-saturated RNN: remember more with less instability",
    ICLR 2023, tiny papers, for the formula and the form of D.
    """

    def __init__(
        self,
        parametrization: Parametrization,
        basis: Parametrization,
        input_size: int,
        *,
        low: float = 0.0,
        high: float = 1.0,
        min_scale: float = 0.01,
        rng: Seed = None,
        prefix: str = "",
    ) -> None:
        n, fields = parametrization.n, (parametrization.field, basis.field)
        if fields != ("real", "real") or basis.n != n:
            raise ValueError(
                "ASRNNCell: parametrization and basis must be real and of one size, got fields "
                f"{fields} and sizes {(n, basis.n)}"
            )
        if min_scale <= 0:
            raise ValueError(f"ASRNNCell: min_scale must be above 0, got {min_scale}")
        super().__init__(input_size, n, dtype=parametrization.dtype, prefix=prefix)
        rng = np.random.default_rng(rng)
        self.parametrization, self.basis, self.min_scale = parametrization, basis, min_scale
        self.input_weight = self.parameter("V", kaiming_normal(rng, (input_size, n)))
        self.bias = self.parameter("b", np.zeros(n))
        self.scales = self.parameter("P", rng.uniform(low, high, n))

    def run(self, x: TensorVariable, mask: Value | None = None) -> TensorVariable:
        W, Q = plain(self.parametrization.stored()), plain(self.basis.stored())
        D = abs(self.scales) + np.asarray(self.min_scale, self.dtype)
        F, inverse = D[:, None] * Q, Q.T / D
        drive = drive_of(x, pt.dot(self.input_weight, F)) + pt.dot(self.bias, F)
        turned = pt.dot(pt.dot(inverse, W), F)
        states = recurrence(drive, turned, self.start(x), activation="tanh", mask=mask)
        return pt.tensordot(states, inverse, axes=[[2], [0]])
