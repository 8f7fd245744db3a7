"""Gradient of the recurrence of rotations: all time steps backward in one Op."""

import pytensor.tensor as pt
from pytensor.gradient import disconnected_type, pullback, pushforward
from pytensor.graph.basic import Apply

from unitarygraph.core.tangents import in_dtype_of, is_connected, on_views
from unitarygraph.ops.recurrence.rotation_array import backward
from unitarygraph.ops.recurrence.rotation_base import LEARNED, RotationStepsOp
from unitarygraph.ops.recurrence.rotation_scan import rotation_scan


class RotationRecurrenceGrad(RotationStepsOp):
    r"""Cotangents of a `RotationRecurrence`'s inputs from those of its states.

    For t = T ... 1, :math:`\bar z_t = f'(z_t)^H (\bar h_t + \text{states\_bar}_t)`, and
    :math:`\bar h_{t-1}` and the cotangents of angles and phases are those of
    `unitarygraph.ops.rotations.RotationsGrad`: what the layers gave is computed again from
    :math:`h_{t-1}`, and goes back through them with its cotangent. Where the mask is 0,
    :math:`\bar z_t = 0` and :math:`\bar h_t` passes to t - 1.

    Inputs: those of the recurrence, its outputs, and ``states_bar``; outputs: a cotangent for each of
    drive, theta, phi, omega, h0 and bias, empty where that is absent. The value of ``drive`` is never
    read; it is there because the derivatives of this Op, graphs of scans, are attributed to it.
    """

    __props__ = ("field", "activation", "masked", "style", "diagonal", "inplace")
    public = False
    unread = ("drive",)

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

    def make_node(self, *inputs):
        inputs = [pt.as_tensor_variable(v) for v in inputs]
        given = dict(zip(self.axes_in, inputs, strict=True))
        given["drive"] = given["states"]
        return Apply(self, inputs, [given[name].type() for name in LEARNED])

    @property
    def axes_in(self):
        return {**self.arguments, **self.kept, "states_bar": self.arguments["drive"]}

    @property
    def axes_out(self):
        axes = self.arguments
        return {
            f"{name}_bar": (0,) * len(axes[name]) if name in self.absent else axes[name]
            for name in LEARNED
        }

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

    @property
    def primary(self):
        """Places of the inputs that the results are functions of."""
        names = [*self.differentiable, "states_bar"]
        return [i for i, name in enumerate(self.axes_in) if name in names]

    def connection_pattern(self, node):
        present = [name in self.differentiable for name in LEARNED]
        return [[i in self.primary and there for there in present] for i in range(len(node.inputs))]

    def reference(self, inputs):
        """Cotangents of what is differentiable, in the order of the names, as gradients of a scan."""
        given = dict(zip(self.axes_in, inputs, strict=True))
        states = rotation_scan(self, *(given[name] for name in self.arguments))
        cost = pt.sum(states * given["states_bar"])
        bars = pt.grad(cost, [given[name] for name in self.differentiable])
        return dict(zip(self.differentiable, bars, strict=True))

    def pullback(self, inputs, outputs, cotangents):
        """Pullback of the scan reference's gradient."""
        seeds = {
            name: in_dtype_of(out, bar)
            for name, out, bar in zip(LEARNED, outputs, cotangents, strict=True)
            if is_connected(bar) and name in self.differentiable
        }

        def bars(*variables):
            copies, given = variables[: len(inputs)], variables[len(inputs) :]
            results = self.reference(copies)
            return pullback(
                [results[name] for name in seeds],
                [copies[i] for i in self.primary],
                list(given),
                disconnected_inputs="ignore",
            )

        found = on_views(bars, [*inputs, *seeds.values()])
        places = dict(zip(self.primary, found, strict=True))
        return [places.get(i, disconnected_type()) for i in range(len(inputs))]

    def pushforward(self, inputs, outputs, tangents):
        """Pushforward of the scan reference's gradient."""
        moving = [i for i in self.primary if is_connected(tangents[i])]
        if not moving:
            return [disconnected_type() for _ in outputs]

        def dots(*variables):
            copies, directions = variables[: len(inputs)], variables[len(inputs) :]
            return pushforward(
                list(self.reference(copies).values()),
                [copies[i] for i in moving],
                list(directions),
                disconnected_outputs="ignore",
            )

        given = [in_dtype_of(inputs[i], tangents[i]) for i in moving]
        found = dict(zip(self.differentiable, on_views(dots, [*inputs, *given]), strict=True))
        return [found.get(name, disconnected_type()) for name in LEARNED]
