"""Gradient of the gated recurrences: all time steps backward in one Op."""

from unitarygraph.ops.recurrence.gated_array import backward
from unitarygraph.ops.recurrence.gated_base import GatedStepsOp
from unitarygraph.ops.recurrence.gated_scan import gated_scan
from unitarygraph.ops.recurrence.named import NamedBackward


class GatedRecurrenceGrad(NamedBackward, GatedStepsOp):
    """Cotangents of a `GatedRecurrence`'s inputs from those of its states.

    Inputs: those of the recurrence, its three outputs, and ``states_bar``; outputs: a cotangent for each
    of drive, W, U, bias, offset, h0 and c0, empty where that is absent.
    """

    __props__ = ("cell", "activation", "masked", "inplace")
    scan = gated_scan
    like_drive = "gates"

    def __init__(self, cell, activation, masked, inplace=False):
        self.cell = cell
        self.activation = activation
        self.masked = masked
        self.inplace = inplace
        if inplace:
            # drive_bar takes the place of the gates, each step's after they were read.
            self.destroy_map = {0: [list(self.axes_in).index("gates")]}

    @property
    def axes_in(self):
        states = ("T", *self.arguments["h0"])
        return {**self.arguments, "states": states, **self.kept, "states_bar": states}

    def fill(self, inputs, outputs):
        from unitarygraph.kernels import gated

        given = dict(zip(self.axes_in, inputs, strict=True))
        del given["drive"]
        results = dict(zip(self.axes_out, outputs, strict=True))
        gated.backward(self.cell, self.activation, given, results)

    def array(self, xp, *inputs):
        """Outputs over an array namespace, in a loop over time."""
        return backward(xp, self, *inputs)
