"""Gradient of the recurrence of rotations: all time steps backward in one Op."""

from unitarygraph.ops.recurrence.named import NamedBackward
from unitarygraph.ops.recurrence.rotation_array import backward
from unitarygraph.ops.recurrence.rotation_base import RotationStepsOp
from unitarygraph.ops.recurrence.rotation_scan import rotation_scan


class RotationRecurrenceGrad(NamedBackward, RotationStepsOp):
    r"""Cotangents of a `RotationRecurrence`'s inputs from those of its states.

    For t = T ... 1, :math:`\bar z_t = f'(z_t)^H (\bar h_t + \text{states\_bar}_t)`, and
    :math:`\bar h_{t-1}` and the cotangents of angles and phases are those of
    `unitarygraph.ops.rotations.RotationsGrad`: what the layers gave is computed again from
    :math:`h_{t-1}`, and goes back through them with its cotangent. Where the mask is 0,
    :math:`\bar z_t = 0` and :math:`\bar h_t` passes to t - 1.

    Inputs: those of the recurrence, its outputs, and ``states_bar``; outputs: a cotangent for each of
    drive, theta, phi, omega, h0 and bias, empty where that is absent.
    """

    __props__ = ("field", "activation", "masked", "style", "diagonal", "inplace")
    scan = rotation_scan
    like_drive = "states"

    def __init__(self, field, activation, masked, style, diagonal, inplace=False):
        self.field = field
        self.activation = activation
        self.masked = masked
        self.style = style
        self.diagonal = diagonal
        self.inplace = inplace
        if inplace:
            # drive_bar takes the place of states_bar, each step's after it was read.
            self.destroy_map = {0: [list(self.axes_in).index("states_bar")]}

    @property
    def axes_in(self):
        return {**self.arguments, **self.kept, "states_bar": self.arguments["drive"]}

    def fill(self, inputs, outputs):
        from unitarygraph.kernels import rotation_recurrence

        given, results = (
            dict(zip(axes, arrays, strict=True))
            for axes, arrays in ((self.axes_in, inputs), (self.axes_out, outputs))
        )
        rotation_recurrence.backward(self, given, results)

    def array(self, xp, *inputs):
        """Outputs over an array namespace, in a loop over time."""
        return backward(xp, self, *inputs)
