"""Ops that compute nothing: what comes out is what went in, as a variable of another class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytensor.graph.op import Op
from pytensor.graph.replace import _vectorize_node

from unitarygraph.core.matrix_op import from_shapes


class View(Op):
    """An Op that computes nothing: its output is its input, as a variable of another class.

    PyTensor's own ``ViewOp`` would be taken out before other rewrites run, and its subclasses too.
    """

    if TYPE_CHECKING:

        def __call__(self, *inputs: Any, **kwargs: Any) -> Any:
            """One variable."""

    __props__: tuple[str, ...] = ()
    view_map = {0: [0]}  # noqa: RUF012  (PyTensor declares it an attribute of the Op)

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0]

    @from_shapes
    def infer_shape(self, shapes):
        return shapes

    def pullback(self, inputs, outputs, cotangents):
        return cotangents

    def pushforward(self, inputs, outputs, tangents):
        return tangents

    def __str__(self) -> str:
        return type(self).__name__


@_vectorize_node.register(View)
def vectorize_view(op, node, batched):
    """A view batches by itself."""
    return op.make_node(batched)
