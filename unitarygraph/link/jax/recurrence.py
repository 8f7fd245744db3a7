"""The recurrence on JAX: one `jax.lax.scan` forward, one backward."""

from pytensor.link.jax.dispatch.basic import jax_funcify

from unitarygraph.link.jax import namespace
from unitarygraph.link.jax.precision import arrays_of
from unitarygraph.ops.recurrence import (
    CheckpointedRecurrence,
    CheckpointedRecurrenceGrad,
    Recurrence,
    RecurrenceGrad,
)


@jax_funcify.register(Recurrence)
@jax_funcify.register(CheckpointedRecurrence)
def jax_recurrence(op, node, **kwargs):
    """`Recurrence`, or that with checkpoints; JAX itself differentiates it in every direction."""

    def recurrence(*inputs):
        return op.array(namespace, *arrays_of(op, node, inputs))

    return recurrence


@jax_funcify.register(RecurrenceGrad)
@jax_funcify.register(CheckpointedRecurrenceGrad)
def jax_recurrence_grad(op, node, **kwargs):
    """`RecurrenceGrad`, or that with checkpoints."""

    def recurrence_grad(*inputs):
        return op.array(namespace, *arrays_of(op, node, inputs))

    return recurrence_grad
