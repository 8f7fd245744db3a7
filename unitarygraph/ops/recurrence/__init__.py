"""Recurrences: all time steps in one Op, forward and backward.

`op` and `grad` are the recurrence with a matrix, `checkpointed` and `checkpointed_grad` the same with few
states kept (`memory` says which), `diagonal` and `diagonal_overlap` that with a diagonal matrix; `array`
and `segments` compute them over any array namespace, `scan` defines them step by step, `scan_grad` takes
the higher derivatives from it, `reference` is the tests' NumPy loop, `inplace` saves memory. `gated` and
its neighbors are those with gates: `gated_steps` has their formulas. `rotation` and its neighbors have
layers of rotations in place of the matrix; `named` is what both kinds share.
"""

from unitarygraph.ops.recurrence import inplace, narrow  # noqa: F401  (register their rewrites)
from unitarygraph.ops.recurrence.checkpointed import CheckpointedRecurrence
from unitarygraph.ops.recurrence.checkpointed_grad import CheckpointedRecurrenceGrad
from unitarygraph.ops.recurrence.diagonal import DiagonalRecurrence, diagonal_recurrence
from unitarygraph.ops.recurrence.diagonal_overlap import DiagonalOverlap
from unitarygraph.ops.recurrence.gated import GatedRecurrence, gated_recurrence
from unitarygraph.ops.recurrence.gated_grad import GatedRecurrenceGrad
from unitarygraph.ops.recurrence.grad import RecurrenceGrad
from unitarygraph.ops.recurrence.memory import checked_memory
from unitarygraph.ops.recurrence.op import Recurrence, recurrence
from unitarygraph.ops.recurrence.rotation import RotationRecurrence, rotation_recurrence
from unitarygraph.ops.recurrence.rotation_grad import RotationRecurrenceGrad

__all__ = [
    "CheckpointedRecurrence",
    "CheckpointedRecurrenceGrad",
    "DiagonalOverlap",
    "DiagonalRecurrence",
    "GatedRecurrence",
    "GatedRecurrenceGrad",
    "Recurrence",
    "RecurrenceGrad",
    "RotationRecurrence",
    "RotationRecurrenceGrad",
    "checked_memory",
    "diagonal_recurrence",
    "gated_recurrence",
    "recurrence",
    "rotation_recurrence",
]
