"""A model of one's own in ten lines: a complex unitary RNN whose units keep half of their state."""

from unitarygraph import nn, stacked
from unitarygraph.models import RecurrentModel
from unitarygraph.parametrizations import Exp


class LeakyCell(nn.RecurrentCell):
    r""":math:`h_t = (h_{t-1} + \mathrm{modReLU}(h_{t-1} W + x_t V))/2`, stored ``(T, 2, B, n)``."""

    def run(self, x, mask=None):
        """States of all steps; parameters, first state and mask are those of `RecurrentCell`."""

        def step(drive, h, W):
            return (h + nn.modrelu(stacked.matmul(h, W) + drive, self.bias)) / 2

        drive, W = nn.drive_of(x, self.input_weight.stacked), self.parametrization.stored()
        return nn.run_steps(step, [drive], [self.start(x, self.h0)], [W], mask)[0]


class LeakyUnitaryRNN(RecurrentModel):
    r"""The leaky cell with :math:`W = e^A`, A skew-Hermitian."""

    bias_range = 0.1
    cell = LeakyCell
    matrix = Exp
