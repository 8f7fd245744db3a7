"""Recurrences: all time steps in one Op, forward and backward.

`op` and `grad` are the recurrence with a matrix, `diagonal` and `diagonal_overlap` that with a diagonal
one; `array` computes them over any array namespace, `scan` defines them step by step and gives the
higher derivatives, `reference` is the tests' NumPy loop, `inplace` saves memory. `gated` and its
neighbors are those with gates: `gated_steps` has their formulas.
"""

from unitarygraph.ops.recurrence import inplace, narrow  # noqa: F401  (register their rewrites)
from unitarygraph.ops.recurrence.diagonal import DiagonalRecurrence, diagonal_recurrence
from unitarygraph.ops.recurrence.diagonal_overlap import DiagonalOverlap
from unitarygraph.ops.recurrence.gated import GatedRecurrence, gated_recurrence
from unitarygraph.ops.recurrence.gated_grad import GatedRecurrenceGrad
from unitarygraph.ops.recurrence.grad import RecurrenceGrad
from unitarygraph.ops.recurrence.op import Recurrence, recurrence

__all__ = [
    "DiagonalOverlap",
    "DiagonalRecurrence",
    "GatedRecurrence",
    "GatedRecurrenceGrad",
    "Recurrence",
    "RecurrenceGrad",
    "diagonal_recurrence",
    "gated_recurrence",
    "recurrence",
]
