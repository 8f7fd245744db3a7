"""Gradient of the recurrence: all time steps backward in one Op."""

import pytensor.tensor as pt
from pytensor.graph.basic import Apply

from unitarygraph.ops.recurrence.array import backward
from unitarygraph.ops.recurrence.scan import recurrence_scan
from unitarygraph.ops.recurrence.scan_grad import ScanGradOp


class RecurrenceGrad(ScanGradOp):
    r"""Cotangents of drive, W, h0 and bias from those of the states and of the last state.

    With :math:`\bar h_T` = ``last_bar`` and, for t = T ... 1,
    :math:`\bar z_t = f'(z_t)^H (\bar h_t + \text{states\_bar}_t)`,
    :math:`\bar h_{t-1} = \bar z_t W^H`, :math:`\bar W = \sum_t h_{t-1}^H \bar z_t`; where the mask
    is 0, :math:`\bar z_t = 0` and :math:`\bar h_t` passes to t - 1. :math:`z_t` is not stored: each
    :math:`f'` is a function of :math:`h_t`, for the complex modReLU of :math:`h_t` and the modulus.

    Inputs ``(drive, W, h0, bias, mask, states, moduli, states_bar, last_bar)``, absent ones empty
    (props ``masked``, ``from_states``, ``from_last``). The value of ``drive`` is never read; it is
    there because states and moduli are functions of drive, W, h0 and bias, and the derivatives of
    this Op, graphs of scans, are attributed to those.
    """

    __props__ = ("field", "activation", "masked", "from_states", "from_last", "inplace")
    unread = ("drive",)

    def __init__(self, field, activation, masked, from_states, from_last, inplace=False):
        self.field = field
        self.activation = activation
        self.masked = masked
        self.from_states = from_states
        self.from_last = from_last
        self.inplace = inplace
        if inplace:
            # drive_bar takes the place of states_bar, each step's after it was read.
            self.destroy_map = {0: [7]}

    def make_node(self, *inputs):
        inputs = [pt.as_tensor_variable(v) for v in inputs]
        _, W, h0, bias, _, states, *_ = inputs
        return Apply(self, inputs, [v.type() for v in (states, W, h0, bias)])

    @property
    def axes_in(self):
        given = super().axes_in
        every, one = given["drive"], given["h0"]
        return given | {
            "states": every,
            "moduli": self.moduli,
            "states_bar": every,
            "last_bar": one,
        }

    @property
    def axes_out(self):
        bias = ("n",) if self.biased else (0,)
        given = super().axes_in
        return {
            "drive_bar": given["drive"],
            "W_bar": given["W"],
            "h0_bar": given["h0"],
            "bias_bar": bias,
        }

    @property
    def absent(self):
        there = {"states_bar": self.from_states, "last_bar": self.from_last}
        return (*super().absent, *(name for name, given in there.items() if not given))

    def fill(self, inputs, outputs):
        from unitarygraph.kernels import recurrence

        recurrence.backward(self.field, self.activation, *inputs[1:], *outputs)

    def array(self, xp, *inputs):
        """Outputs over an array namespace, in a loop over time."""
        return backward(xp, self, *inputs)

    @property
    def primary(self):
        present = {3: self.biased, 7: self.from_states, 8: self.from_last}
        return [i for i in (0, 1, 2, 3, 7, 8) if present.get(i, True)]

    @property
    def given(self):
        return range(3 + self.biased)

    def reference(self, drive, W, h0, bias, mask, states, moduli, states_bar, last_bar):
        """The four results as the gradient of a scan."""
        has_bias = self.biased
        states = recurrence_scan(
            drive, W, h0, bias if has_bias else None, self.activation, mask if self.masked else None
        )
        cost = 0
        if self.from_states:
            cost += pt.sum(states * states_bar)
        if self.from_last:
            cost += pt.sum(states[-1] * last_bar)
        results = pt.grad(cost, [drive, W, h0, bias][: 3 + has_bias])
        return [*results, bias][:4]
