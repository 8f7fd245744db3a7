"""The recurrence that keeps few states: the last one and outputs of all, checkpoints in between."""

from typing import ClassVar

import pytensor.tensor as pt
from pytensor.gradient import disconnected_type, pushforward
from pytensor.graph.basic import Apply

from unitarygraph.core.layout import plain
from unitarygraph.core.tangents import empty_constant, in_dtype_of, is_connected, on_views
from unitarygraph.ops.recurrence.base import MatrixStepsOp, check_dtypes
from unitarygraph.ops.recurrence.checkpointed_grad import CheckpointedRecurrenceGrad
from unitarygraph.ops.recurrence.memory import schedule, symbolic_count
from unitarygraph.ops.recurrence.scan import read_out, recurrence_scan
from unitarygraph.ops.recurrence.segments import forward

NAMES = ("drive", "W", "h0", "bias", "mask", "readout")


class CheckpointedRecurrence(MatrixStepsOp):
    """`recurrence` with a ``memory`` other than "all".

    Inputs ``(drive, W, h0, bias, mask, readout)``, absent ones empty. Outputs: the outputs of all
    steps ``(T, B, k)`` where there is a readout (``reads``; else an empty array), the last state, and
    the C checkpoints of `unitarygraph.ops.recurrence.memory.schedule`.
    """

    __props__ = ("field", "activation", "masked", "memory", "reads")
    derived: ClassVar[dict[str, str]] = {"C": "schedule(T)[1]"}

    def __init__(self, field, activation, masked, memory, reads):
        self.field = field
        self.activation = activation
        self.masked = masked
        self.memory = memory
        self.reads = reads

    def make_node(self, *inputs):
        inputs = [pt.as_tensor_variable(plain(v)) for v in inputs]
        check_dtypes({k: v.type.dtype for k, v in zip(NAMES, inputs, strict=True)})
        sizes = self.sizes([v.type.shape for v in inputs])
        outputs = [
            pt.tensor(dtype=inputs[0].type.dtype, shape=shape) for shape in self.shapes_out(sizes)
        ]
        return Apply(self, inputs, outputs)

    @property
    def axes_in(self):
        return super().axes_in | {"readout": (*self.plane, "n", "k")}

    @property
    def axes_out(self):
        one = self.axes_in["h0"]
        outputs = ("T", "B", "k") if self.reads else (0, 0, 0)
        return {"outputs": outputs, "last": one, "checkpoints": ("C", *one)}

    @property
    def absent(self):
        return (*super().absent, *(() if self.reads else ("readout",)))

    @property
    def derived_calls(self):
        return {"schedule": schedule(self.memory)}

    def symbolic_sizes(self, sizes):
        return sizes | {"C": symbolic_count(self.memory, sizes["T"])}

    def fill(self, inputs, outputs):
        from unitarygraph.kernels import checkpointed_recurrence

        checkpointed_recurrence.forward(self.field, self.activation, self.memory, *inputs, *outputs)

    def array(self, xp, *inputs):
        """Outputs over an array namespace, in a loop over segments of time."""
        return forward(xp, self, *inputs)

    @property
    def differentiable(self):
        """Places of the inputs that have a gradient."""
        there = {3: self.biased, 4: False, 5: self.reads}
        return [i for i in range(len(NAMES)) if there.get(i, True)]

    def connection_pattern(self, node):
        return [[i in self.differentiable] * 2 + [False] for i in range(len(NAMES))]

    def pullback(self, inputs, outputs, cotangents):
        """Backpropagation through time, `CheckpointedRecurrenceGrad`."""
        read, last, checkpoints = outputs
        given = [is_connected(c) for c in cotangents[:2]]
        bars = [
            in_dtype_of(x, c) if there else empty_constant(x.type.ndim, x.type.dtype)
            for c, x, there in zip(cotangents, (read, last), given, strict=False)
        ]
        backward = CheckpointedRecurrenceGrad(
            self.field, self.activation, self.masked, self.memory, self.reads, *given
        )
        *four, readout_bar = backward(*inputs, last, checkpoints, *bars)
        found = [*four, disconnected_type(), readout_bar]
        return [x if i in self.differentiable else disconnected_type() for i, x in enumerate(found)]

    def pushforward(self, inputs, outputs, tangents):
        """Pushforward of the scan reference."""
        moving = [i for i in self.differentiable if is_connected(tangents[i])]
        if not moving:
            return [disconnected_type() for _ in outputs]

        def dots(*variables):
            copies, directions = variables[: len(inputs)], variables[len(inputs) :]
            drive, W, h0, bias, mask, readout = copies
            states = recurrence_scan(
                drive,
                W,
                h0,
                bias if self.biased else None,
                self.activation,
                mask if self.masked else None,
            )
            wanted = [states[-1], *([read_out(states, readout)] if self.reads else [])]
            return pushforward(
                wanted, [copies[i] for i in moving], list(directions), disconnected_outputs="ignore"
            )

        found = on_views(dots, [*inputs, *(in_dtype_of(inputs[i], tangents[i]) for i in moving)])
        last_dot, *outputs_dot = found
        return [*(outputs_dot or [disconnected_type()]), last_dot, disconnected_type()]
