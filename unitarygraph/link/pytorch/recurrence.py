"""The recurrences with matrices on PyTorch: a loop over time forward, one backward."""

from pytensor.link.pytorch.dispatch.basic import pytorch_funcify

from unitarygraph.link.pytorch import namespace
from unitarygraph.link.pytorch.opaque import opaque
from unitarygraph.ops.recurrence import (
    CheckpointedRecurrence,
    CheckpointedRecurrenceGrad,
    GatedRecurrence,
    GatedRecurrenceGrad,
    Recurrence,
    RecurrenceGrad,
    RotationRecurrence,
    RotationRecurrenceGrad,
)


@pytorch_funcify.register(Recurrence)
@pytorch_funcify.register(RecurrenceGrad)
@pytorch_funcify.register(CheckpointedRecurrence)
@pytorch_funcify.register(CheckpointedRecurrenceGrad)
@pytorch_funcify.register(GatedRecurrence)
@pytorch_funcify.register(GatedRecurrenceGrad)
@pytorch_funcify.register(RotationRecurrence)
@pytorch_funcify.register(RotationRecurrenceGrad)
def pytorch_recurrence(op, node, **kwargs):
    """Each."""
    return opaque(op, lambda *inputs: op.array(namespace, *inputs))
