"""Derivatives of the gradient Ops of the recurrence: those of a scan's gradient."""

from pytensor.gradient import disconnected_type, pullback, pushforward

from unitarygraph.core.tangents import in_dtype_of, is_connected, on_views
from unitarygraph.ops.recurrence.base import MatrixStepsOp


class ScanGradOp(MatrixStepsOp):
    """An Op of cotangents whose own derivatives are those of `reference`, a graph of scans.

    Its inputs begin with drive, W, h0 and bias; among the others are functions of these, which carry
    no derivative of their own.
    """

    public = False

    @property
    def primary(self):
        """Places of the inputs that the results are functions of, absent ones left out."""
        raise NotImplementedError

    @property
    def given(self):
        """Places of the outputs that are no empty arrays."""
        raise NotImplementedError

    def reference(self, *inputs):
        """All outputs as the gradient of a scan."""
        raise NotImplementedError

    def connection_pattern(self, node):
        return [[i in self.primary] * len(node.outputs) for i in range(len(node.inputs))]

    def pullback(self, inputs, outputs, cotangents):
        """Pullback of the scan reference's gradient."""
        connected = [k for k in self.given if is_connected(cotangents[k])]

        def bars(*variables):
            copies, seeds = variables[: len(inputs)], variables[len(inputs) :]
            results = self.reference(*copies)
            return pullback(
                [results[k] for k in connected],
                [copies[i] for i in self.primary],
                list(seeds),
                disconnected_inputs="ignore",
            )

        seeds = [in_dtype_of(outputs[k], cotangents[k]) for k in connected]
        found = dict(zip(self.primary, on_views(bars, [*inputs, *seeds]), strict=True))
        return [found.get(i, disconnected_type()) for i in range(len(inputs))]

    def pushforward(self, inputs, outputs, tangents):
        """Pushforward of the scan reference's gradient."""
        moving = [i for i in self.primary if is_connected(tangents[i])]
        if not moving:
            return [disconnected_type() for _ in outputs]

        def dots(*variables):
            copies, directions = variables[: len(inputs)], variables[len(inputs) :]
            results = self.reference(*copies)
            return pushforward(
                [results[k] for k in self.given],
                [copies[i] for i in moving],
                list(directions),
                disconnected_outputs="ignore",
            )

        found = on_views(dots, [*inputs, *(in_dtype_of(inputs[i], tangents[i]) for i in moving)])
        found = dict(zip(self.given, found, strict=True))
        return [found.get(k, out.zeros_like()) for k, out in enumerate(outputs)]
