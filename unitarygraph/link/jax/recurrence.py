"""The recurrences with matrices on JAX: one `jax.lax.scan` forward, one backward."""

from pytensor.link.jax.dispatch.basic import jax_funcify

from unitarygraph.link.jax import namespace
from unitarygraph.link.jax.precision import arrays_of
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


@jax_funcify.register(Recurrence)
@jax_funcify.register(RecurrenceGrad)
@jax_funcify.register(CheckpointedRecurrence)
@jax_funcify.register(CheckpointedRecurrenceGrad)
@jax_funcify.register(GatedRecurrence)
@jax_funcify.register(GatedRecurrenceGrad)
@jax_funcify.register(RotationRecurrence)
@jax_funcify.register(RotationRecurrenceGrad)
def jax_recurrence(op, node, **kwargs):
    """Each; JAX itself differentiates it in every direction."""

    def recurrence(*inputs):
        return op.array(namespace, *arrays_of(op, node, inputs))

    return recurrence
