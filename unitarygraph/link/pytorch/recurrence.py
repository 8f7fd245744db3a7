"""The recurrence on PyTorch: a loop over time forward, one backward."""

from pytensor.link.pytorch.dispatch.basic import pytorch_funcify

from unitarygraph.link.pytorch import namespace
from unitarygraph.link.pytorch.opaque import opaque
from unitarygraph.ops.recurrence import Recurrence, RecurrenceGrad


@pytorch_funcify.register(Recurrence)
def pytorch_recurrence(op, node, **kwargs):
    """`Recurrence`."""
    return opaque(op, lambda *inputs: op.array(namespace, *inputs))


@pytorch_funcify.register(RecurrenceGrad)
def pytorch_recurrence_grad(op, node, **kwargs):
    """`RecurrenceGrad`."""
    return opaque(op, lambda *inputs: op.array(namespace, *inputs))
