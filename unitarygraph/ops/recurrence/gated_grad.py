"""Gradient of the gated recurrences: all time steps backward in one Op."""

import pytensor.tensor as pt
from pytensor.gradient import disconnected_type, pullback, pushforward
from pytensor.graph.basic import Apply

from unitarygraph.core.tangents import in_dtype_of, is_connected, on_views
from unitarygraph.ops.recurrence.gated_array import backward
from unitarygraph.ops.recurrence.gated_base import GatedStepsOp
from unitarygraph.ops.recurrence.gated_scan import gated_scan

LEARNED = ("drive", "W", "U", "bias", "offset", "h0", "c0")


class GatedRecurrenceGrad(GatedStepsOp):
    """Cotangents of a `GatedRecurrence`'s inputs from those of its states.

    Inputs: those of the recurrence, its three outputs, and ``states_bar``; outputs: a cotangent for each
    of drive, W, U, bias, offset, h0 and c0, empty where that is absent. The value of ``drive`` is never
    read; it is there because the derivatives of this Op, graphs of scans, are attributed to it.
    """

    __props__ = ("cell", "activation", "masked", "inplace")
    public = False
    unread = ("drive",)

    def __init__(self, cell, activation, masked, inplace=False):
        self.cell = cell
        self.activation = activation
        self.masked = masked
        self.inplace = inplace
        if inplace:
            # drive_bar takes the place of the gates, each step's after they were read.
            self.destroy_map = {0: [list(self.axes_in).index("gates")]}

    def make_node(self, *inputs):
        inputs = [pt.as_tensor_variable(v) for v in inputs]
        given = dict(zip(self.axes_in, inputs, strict=True))
        given["drive"] = given["gates"]
        return Apply(self, inputs, [given[name].type() for name in LEARNED])

    @property
    def axes_in(self):
        states = ("T", *self.arguments["h0"])
        return {**self.arguments, "states": states, **self.kept, "states_bar": states}

    @property
    def axes_out(self):
        axes = self.arguments
        return {
            f"{name}_bar": (0,) * len(axes[name]) if name in self.absent else axes[name]
            for name in LEARNED
        }

    def fill(self, inputs, outputs):
        from unitarygraph.kernels import gated

        given = dict(zip(self.axes_in, inputs, strict=True))
        del given["drive"]
        results = dict(zip(self.axes_out, outputs, strict=True))
        gated.backward(self.cell, self.activation, given, results)

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
        states = gated_scan(self, *(given[name] for name in self.arguments))
        cost = pt.sum(states * given["states_bar"])
        return dict(
            zip(
                self.differentiable,
                pt.grad(cost, [given[name] for name in self.differentiable]),
                strict=True,
            )
        )

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
