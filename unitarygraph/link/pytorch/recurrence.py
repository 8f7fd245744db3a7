"""The recurrence on PyTorch: a loop over time forward, one backward."""

from pytensor.link.pytorch.dispatch.basic import pytorch_funcify

from unitarygraph.link.pytorch import namespace
from unitarygraph.link.pytorch.opaque import opaque
from unitarygraph.ops.recurrence import (
    CheckpointedRecurrence,
    CheckpointedRecurrenceGrad,
    Recurrence,
    RecurrenceGrad,
)


@pytorch_funcify.register(Recurrence)
@pytorch_funcify.register(CheckpointedRecurrence)
def pytorch_recurrence(op, node, **kwargs):
    """`Recurrence`, or that with checkpoints."""
    return opaque(op, lambda *inputs: op.array(namespace, *inputs))


@pytorch_funcify.register(RecurrenceGrad)
@pytorch_funcify.register(CheckpointedRecurrenceGrad)
def pytorch_recurrence_grad(op, node, **kwargs):
    """`RecurrenceGrad`, or that with checkpoints."""
    return opaque(op, lambda *inputs: op.array(namespace, *inputs))
