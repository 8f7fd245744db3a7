"""Gradient of the recurrence that keeps few states: segment after segment, the last one first."""

import pytensor.tensor as pt
from pytensor.graph.basic import Apply

from unitarygraph.ops.recurrence.scan import read_out, recurrence_scan
from unitarygraph.ops.recurrence.scan_grad import ScanGradOp
from unitarygraph.ops.recurrence.segments import backward


class CheckpointedRecurrenceGrad(ScanGradOp):
    r"""Cotangents of drive, W, h0, bias and readout from those of the outputs and of the last state.

    As `RecurrenceGrad`, with ``states_bar`` = ``outputs_bar`` U^H. The states of a segment are
    computed again from the checkpoint before it or, for ``memory="invert"``, backward from the one
    after it: :math:`h_{t-1} = (f^{-1}(h_t) - \text{drive}_t) W^H`.

    Inputs ``(drive, W, h0, bias, mask, readout, last, checkpoints, outputs_bar, last_bar)``, absent
    ones empty (props ``masked``, ``reads``, ``from_outputs``, ``from_last``; ``last`` is there for
    "invert" only).
    """

    __props__ = (
        *("field", "activation", "masked", "memory", "reads", "from_outputs", "from_last"),
        "inplace",
    )

    def __init__(
        self, field, activation, masked, memory, reads, from_outputs, from_last, inplace=False
    ):
        self.field = field
        self.activation = activation
        self.masked = masked
        self.memory = memory
        self.reads = reads
        self.from_outputs = from_outputs
        self.from_last = from_last
        self.inplace = inplace
        if inplace:
            # drive_bar takes the place of the drive, each segment's after its states were computed.
            self.destroy_map = {0: [0]}

    def make_node(self, *inputs):
        inputs = [pt.as_tensor_variable(v) for v in inputs]
        drive, W, h0, bias, _, readout, *_ = inputs
        return Apply(self, inputs, [v.type() for v in (drive, W, h0, bias, readout)])

    @property
    def axes_in(self):
        given = super().axes_in
        one = given["h0"]
        return given | {
            "readout": (*self.plane, "n", "k"),
            "last": one,
            "checkpoints": ("C", *one),
            "outputs_bar": ("T", "B", "k"),
            "last_bar": one,
        }

    @property
    def axes_out(self):
        given = self.axes_in
        readout = given["readout"] if self.reads else (0,) * len(given["readout"])
        return {
            "drive_bar": given["drive"],
            "W_bar": given["W"],
            "h0_bar": given["h0"],
            "bias_bar": ("n",) if self.biased else (0,),
            "readout_bar": readout,
        }

    @property
    def absent(self):
        there = {
            "readout": self.reads,
            "last": self.memory == "invert",
            "outputs_bar": self.from_outputs,
            "last_bar": self.from_last,
        }
        return (*super().absent, *(name for name, given in there.items() if not given))

    def fill(self, inputs, outputs):
        from unitarygraph.kernels import checkpointed_recurrence

        checkpointed_recurrence.backward(
            self.field, self.activation, self.memory, *inputs, *outputs
        )

    def array(self, xp, *inputs):
        """Outputs over an array namespace, in a loop over segments of time."""
        return backward(xp, self, *inputs)

    @property
    def primary(self):
        present = {3: self.biased, 5: self.from_outputs, 8: self.from_outputs, 9: self.from_last}
        return [i for i in (0, 1, 2, 3, 5, 8, 9) if present.get(i, True)]

    @property
    def given(self):
        return [0, 1, 2, *([3] if self.biased else []), *([4] if self.from_outputs else [])]

    def reference(
        self, drive, W, h0, bias, mask, readout, last, checkpoints, outputs_bar, last_bar
    ):
        """The five results as the gradient of a scan."""
        states = recurrence_scan(
            drive,
            W,
            h0,
            bias if self.biased else None,
            self.activation,
            mask if self.masked else None,
        )
        cost = 0
        if self.from_outputs:
            cost += pt.sum(read_out(states, readout) * outputs_bar)
        if self.from_last:
            cost += pt.sum(states[-1] * last_bar)
        everything = [drive, W, h0, bias, readout]
        found = dict(
            zip(self.given, pt.grad(cost, [everything[k] for k in self.given]), strict=True)
        )
        return [found.get(k, x.zeros_like()) for k, x in enumerate(everything)]
