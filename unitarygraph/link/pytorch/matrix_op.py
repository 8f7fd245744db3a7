"""Every `MatrixOp` on PyTorch."""

from pytensor.link.pytorch.dispatch.basic import pytorch_funcify

from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.link.evaluate import array_of, evaluate
from unitarygraph.link.pytorch import namespace
from unitarygraph.link.pytorch.opaque import opaque
from unitarygraph.stacked.view import View


@pytorch_funcify.register(MatrixOp)
def pytorch_matrix_op(op, node, **kwargs):
    """Function of any MatrixOp."""
    array_of(op)

    def kernel(*inputs):
        outputs, refused = evaluate(namespace, op, inputs)
        if refused is not None and refused.any():
            raise ValueError(f"{op.title}: {op.refusal}")
        return outputs

    return opaque(op, kernel)


@pytorch_funcify.register(View)
def pytorch_view(op, node, **kwargs):
    """The identity."""
    return lambda x: x
