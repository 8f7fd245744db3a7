"""What the Ops of gated recurrences and of rotations share: inputs by name, derivatives by a scan.

Beside its arrays a recurrence has names for them: the drive first, the mask last, and between them what
its kind has, absent ones empty. Each kind is two Ops, a `NamedForward` and a `NamedBackward`.
"""

import pytensor.tensor as pt
from pytensor.gradient import disconnected_type, pullback, pushforward
from pytensor.graph.basic import Apply

from unitarygraph.core.tangents import in_dtype_of, is_connected, on_views
from unitarygraph.ops.recurrence.base import StepsOp


class NamedStepsOp(StepsOp):
    """A `StepsOp` of one of these kinds."""

    @property
    def arguments(self):
        """Axes of what the recurrence is given, by name."""
        raise NotImplementedError

    @property
    def kept(self):
        """Axes of what the forward pass keeps for the backward one, by name."""
        raise NotImplementedError

    def scan(self, *inputs):
        """States of all steps from the `arguments`, as a graph of `pytensor.scan`."""
        raise NotImplementedError

    @property
    def learned(self):
        """Names of the `arguments` that have a cotangent, an empty one where they are absent."""
        return [name for name in self.arguments if name != "mask"]

    @property
    def differentiable(self):
        """Those of the `learned` that there are."""
        return [name for name in self.learned if name not in self.absent]


class NamedForward(NamedStepsOp):
    """States of all steps, its first output, from the `arguments`; others are for the backward Op."""

    def backward(self):
        """The `NamedBackward` of this Op."""
        raise NotImplementedError

    def make_node(self, *inputs):
        inputs = [pt.as_tensor_variable(v) for v in inputs]
        *dtypes, mask = (v.type.dtype for v in inputs)
        if mask != "bool":
            raise TypeError(f"{self.title}: mask must be bool inside the Op")
        if set(dtypes) not in ({"float32"}, {"float64"}):
            raise TypeError(
                f"{self.title}: {', '.join(self.differentiable)} must have one dtype, float32 or "
                f"float64, got {', '.join(dtypes)}"
            )
        sizes = self.sizes([v.type.shape for v in inputs])
        outputs = [pt.tensor(dtype=dtypes[0], shape=shape) for shape in self.shapes_out(sizes)]
        return Apply(self, inputs, outputs)

    @property
    def axes_in(self):
        return self.arguments

    def connection_pattern(self, node):
        others = [False] * (len(node.outputs) - 1)
        return [[name in self.differentiable, *others] for name in self.axes_in]

    def pullback(self, inputs, outputs, cotangents):
        """Backpropagation through time, the backward Op."""
        backward = self.backward()
        bar = in_dtype_of(outputs[0], cotangents[0])
        bars = dict(zip(backward.axes_out, backward(*inputs, *outputs, bar), strict=True))
        return [
            bars[f"{name}_bar"] if name in self.differentiable else disconnected_type()
            for name in self.axes_in
        ]

    def pushforward(self, inputs, outputs, tangents):
        """Pushforward of the scan reference."""
        moving = [
            i
            for i, name in enumerate(self.axes_in)
            if name in self.differentiable and is_connected(tangents[i])
        ]
        unmoved = [disconnected_type() for _ in outputs]
        if not moving:
            return unmoved

        def dots(*variables):
            copies, directions = variables[: len(inputs)], variables[len(inputs) :]
            return pushforward(self.scan(*copies), [copies[i] for i in moving], list(directions))

        given = [in_dtype_of(inputs[i], tangents[i]) for i in moving]
        return [on_views(dots, [*inputs, *given]), *unmoved[1:]]


class NamedBackward(NamedStepsOp):
    """Cotangents of the `learned` from those of the states, ``states_bar``, its last input.

    Before it come the `arguments` and the forward Op's outputs. The value of ``drive`` is never read; it
    is there because the derivatives of this Op, graphs of scans, are attributed to it.
    """

    public = False
    unread = ("drive",)
    #: the name of an input of the drive's type
    like_drive: str

    def make_node(self, *inputs):
        inputs = [pt.as_tensor_variable(v) for v in inputs]
        given = dict(zip(self.axes_in, inputs, strict=True))
        given["drive"] = given[self.like_drive]
        return Apply(self, inputs, [given[name].type() for name in self.learned])

    @property
    def axes_out(self):
        axes = self.arguments
        return {
            f"{name}_bar": (0,) * len(axes[name]) if name in self.absent else axes[name]
            for name in self.learned
        }

    @property
    def primary(self):
        """Places of the inputs that the results are functions of."""
        names = [*self.differentiable, "states_bar"]
        return [i for i, name in enumerate(self.axes_in) if name in names]

    def connection_pattern(self, node):
        present = [name in self.differentiable for name in self.learned]
        return [[i in self.primary and there for there in present] for i in range(len(node.inputs))]

    def reference(self, inputs):
        """Cotangents of what is differentiable, in the order of the names, as gradients of a scan."""
        given = dict(zip(self.axes_in, inputs, strict=True))
        states = self.scan(*(given[name] for name in self.arguments))
        cost = pt.sum(states * given["states_bar"])
        bars = pt.grad(cost, [given[name] for name in self.differentiable])
        return dict(zip(self.differentiable, bars, strict=True))

    def pullback(self, inputs, outputs, cotangents):
        """Pullback of the scan reference's gradient."""
        seeds = {
            name: in_dtype_of(out, bar)
            for name, out, bar in zip(self.learned, outputs, cotangents, strict=True)
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
        return [found.get(name, disconnected_type()) for name in self.learned]
