"""Ops that compute in one what a graph of others would, and are differentiated as that graph."""

from pytensor.gradient import pullback, pushforward

from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.core.tangents import (
    in_dtype_of,
    is_connected,
    on_views,
    sum_or_disconnected,
)


class FormulaOp(MatrixOp):
    """A `MatrixOp` with one output, whose value `formula` says in terms of other Ops.

    The formula is there for derivatives alone, which are its derivatives, of any order.
    """

    def formula(self, *inputs):
        """The output as a graph of other Ops."""
        raise NotImplementedError

    def pullback(self, inputs, outputs, cotangents):
        """Pullback of the formula."""
        (cotangent,) = cotangents
        count = len(inputs)

        def bars(*variables):
            return pullback(
                self.formula(*variables[:count]),
                list(variables[:count]),
                variables[count],
                disconnected_inputs="ignore",
                return_disconnected="disconnected",
            )

        return on_views(bars, [*inputs, in_dtype_of(outputs[0], cotangent)])

    def pushforward(self, inputs, outputs, tangents):
        """Pushforward of the formula."""
        count = len(inputs)
        moving = [
            i
            for i, name in enumerate(self.arguments)
            if is_connected(tangents[i]) and name not in self.internal
        ]
        if not moving:
            return [sum_or_disconnected([])]

        def dot(*variables):
            return pushforward(
                self.formula(*variables[:count]),
                [variables[i] for i in moving],
                list(variables[count:]),
                disconnected_outputs="ignore",
            )

        directions = [in_dtype_of(inputs[i], tangents[i]) for i in moving]
        return [on_views(dot, [*inputs, *directions])]
