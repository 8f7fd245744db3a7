"""Recurrences with gates, LSTM, GRU, GORU and the complex unit: all time steps in one Op."""

from typing import Any

import pytensor.tensor as pt

from unitarygraph.core.tangents import empty_constant
from unitarygraph.ops.recurrence.gated_array import forward
from unitarygraph.ops.recurrence.gated_base import GatedStepsOp
from unitarygraph.ops.recurrence.gated_grad import GatedRecurrenceGrad
from unitarygraph.ops.recurrence.gated_scan import gated_scan
from unitarygraph.ops.recurrence.named import NamedForward


def gated_recurrence(
    cell: str,
    drive: Any,
    W: Any,
    U: Any = None,
    *,
    bias: Any,
    offset: Any = None,
    h0: Any,
    c0: Any = None,
    mask: Any = None,
    activation: str = "tanh",
) -> Any:
    r"""States of all steps of a gated recurrence, h a row vector a sample.

    With (d_1, d_2, ...) the blocks of :math:`\text{drive}_t + b`, and (i, f, g, o) or (r, z) those of
    :math:`h_{t-1} W` and the first d together:

    ===========  ==================================================================================
    ``"lstm"``   c = sigmoid(f) c + sigmoid(i) tanh(g), h = sigmoid(o) tanh(c)
    ``"gru"``    r, z = sigmoid(.), h = z h + (1 - z) tanh((r h) U + d_3)
    ``"goru"``   r, z = sigmoid(.), h = z h + (1 - z) modReLU(r (h U) + d_3; offset)
    ``"cgrnn"``  r, z = sigmoid(.), h = z f((r h) U + d_3 + i d_4) + (1 - z) h, h complex
    ===========  ==================================================================================

    =========  ================  ================  ===================
    argument   ``"lstm"``        ``"gru"``, goru   ``"cgrnn"``
    =========  ================  ================  ===================
    drive      ``(T, B, 4, n)``  ``(T, B, 3, n)``  ``(T, B, 4, n)``
    W          ``(n, 4, n)``     ``(n, 2, n)``     ``(2, n, 2, n)``
    U                            ``(n, n)``        ``(2, n, 2, n)``
    bias       ``(4, n)``        ``(3, n)``        ``(4, n)``
    offset                       ``(n,)`` (goru)   ``(n,)``
    h0         ``(B, n)``        ``(B, n)``        ``(B, 2, n)``
    c0         ``(B, n)``
    mask       ``(T, B)``        ``(T, B)``        ``(T, B)``
    result     ``(T, B, n)``     ``(T, B, n)``     ``(T, B, 2, n)``
    =========  ================  ================  ===================

    Complex states have their planes behind the batch, and the complex unit's weights are real ones from
    [Re h, Im h]: U of a complex matrix A is [[Re A, Im A], [-Im A, Re A]]. ``activation`` is its f, a
    name in `unitarygraph.nn.ACTIVATIONS`; ``offset`` modReLU's b or Hirose's m, and not there for others.

    One dtype for all, float32 or float64. Where the mask, booleans or numbers, is 0, the states are
    carried over unchanged, and the drive may hold anything.

    Raises ValueError for shapes that disagree, when the graph is built if they are known then, else at
    run time, and TypeError for dtypes that are mixed or not floating point.

    Gradients run backward through all steps in one Op as well; higher derivatives and those forward
    are graphs of `pytensor.scan`, right and slower, and need T >= 1.
    """
    drive = pt.as_tensor_variable(drive)
    masked = mask is not None
    mask = pt.neq(mask, 0) if masked else None
    given = {"drive": drive, "W": W, "U": U, "bias": bias, "offset": offset}
    given |= {"h0": h0, "c0": c0, "mask": mask}
    op = GatedRecurrence(cell, activation, masked)
    inputs = [
        empty_constant(len(axes), "bool" if name == "mask" else drive.type.dtype)
        if name in op.absent
        else given[name]
        for name, axes in op.axes_in.items()
    ]
    found: Any = op(*inputs)
    return found[0]


class GatedRecurrence(NamedForward, GatedStepsOp):
    """`gated_recurrence` with inputs ``(drive, W, U, bias, offset, h0, c0, mask)``, absent ones empty.

    Outputs: the states, and what the backward pass reads: the gates' values ``(T, B, blocks, n)`` and
    the ``memory`` ``(T, B, n)``, the cells of an LSTM.
    """

    __props__ = ("cell", "activation", "masked", "inplace")
    scan = gated_scan

    def __init__(self, cell, activation, masked, inplace=False):
        self.cell = cell
        self.activation = activation
        self.masked = masked
        self.inplace = inplace
        if inplace:
            # The gates take the place of the drive, each step's after it was read.
            self.destroy_map = {1: [0]}

    @property
    def axes_out(self):
        return {"states": ("T", *self.arguments["h0"]), **self.kept}

    def fill(self, inputs, outputs):
        from unitarygraph.kernels import gated

        given, results = (
            dict(zip(axes, arrays, strict=True))
            for axes, arrays in ((self.axes_in, inputs), (self.axes_out, outputs))
        )
        gated.forward(self.cell, self.activation, given, results)

    def array(self, xp, *inputs):
        """Outputs over an array namespace, in a loop over time."""
        return forward(xp, self, *inputs)

    def backward(self):
        return GatedRecurrenceGrad(self.cell, self.activation, self.masked)
