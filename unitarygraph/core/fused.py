"""Ops that compute at once what a graph of other Ops says, and leave their derivatives to that graph."""

from pytensor.gradient import disconnected_type, pullback, pushforward

from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.core.tangents import in_dtype_of, is_connected, on_views


class FusedOp(MatrixOp):
    """An Op whose derivatives, of any order and direction, are those of its `reference`.

    The first derivative of an Op is often one: made in one go it takes a fraction of the time of
    its parts, and what comes after it is rare.
    """

    def reference(self, *inputs):
        """The outputs, a list, as a graph of Ops that have derivatives of their own."""
        raise NotImplementedError

    def pullback(self, inputs, outputs, cotangents):
        connected = [k for k, c in enumerate(cotangents) if is_connected(c)]

        def bars(*variables):
            copies, seeds = variables[: len(inputs)], variables[len(inputs) :]
            results = self.reference(*copies)
            return pullback(
                [results[k] for k in connected],
                list(copies),
                list(seeds),
                disconnected_inputs="ignore",
            )

        found = on_views(
            bars, [*inputs, *(in_dtype_of(outputs[k], cotangents[k]) for k in connected)]
        )
        return [
            disconnected_type() if name in self.internal else bar
            for name, bar in zip(self.arguments, found, strict=True)
        ]

    def pushforward(self, inputs, outputs, tangents):
        return pushforward_of(self.reference, inputs, tangents)


def pushforward_of(graph, inputs, tangents):
    """Tangents of the graph's results along those tangents of its inputs that are connected."""
    moving = [k for k, t in enumerate(tangents) if is_connected(t)]

    def dots(*variables):
        copies, directions = variables[: len(inputs)], variables[len(inputs) :]
        return pushforward(
            graph(*copies),
            [copies[k] for k in moving],
            list(directions),
            disconnected_outputs="ignore",
        )

    return on_views(dots, [*inputs, *(in_dtype_of(inputs[k], tangents[k]) for k in moving)])
