"""The recurrence h_t = f(h_{t-1} F_1 ... F_L D + drive_t), rotations: all time steps in one Op."""

from typing import Any

import pytensor.tensor as pt

from unitarygraph.core.tangents import empty_constant
from unitarygraph.ops.activations import RECURRENT
from unitarygraph.ops.recurrence.named import NamedForward
from unitarygraph.ops.recurrence.rotation_array import forward
from unitarygraph.ops.recurrence.rotation_base import RotationStepsOp
from unitarygraph.ops.recurrence.rotation_grad import RotationRecurrenceGrad
from unitarygraph.ops.recurrence.rotation_scan import rotation_scan
from unitarygraph.ops.rotations import STYLES

DIAGONALS = ("last", "first")


def rotation_recurrence(
    drive: Any,
    theta: Any,
    phi: Any = None,
    omega: Any = None,
    *,
    h0: Any,
    bias: Any = None,
    activation: str = "modrelu",
    mask: Any = None,
    style: str = "tunable",
    diagonal: str = "last",
) -> Any:
    r"""States of :math:`h_t = f(h_{t-1} F_1 \cdots F_L D + \text{drive}_t)`, h a row vector a sample.

    The layers :math:`F_l` are those of `unitarygraph.rotations` in its ``style``, and
    :math:`D = \mathrm{diag}(e^{i\omega})`; with ``diagonal="first"`` it is :math:`h_{t-1} D F_1 \cdots
    F_L`.

    =========  ==================  ===============
    argument   complex             real
    =========  ==================  ===============
    drive      ``(T, 2, B, n)``    ``(T, B, n)``
    theta      ``(L, n // 2)``     the same
    phi        ``(L, n // 2)``     None
    omega      ``(n,)``            None
    h0         ``(2, B, n)``       ``(B, n)``
    bias       ``(n,)``            ``(n,)``
    mask       ``(T, B)``          ``(T, B)``
    result     ``(T, 2, B, n)``    ``(T, B, n)``
    =========  ==================  ===============

    All are plain tensors of one dtype, float32 or float64; phi says that the field is complex.
    Activation, bias and mask are those of `unitarygraph.recurrence`. O(L n) for a row and step, forward
    and backward; the backward pass keeps nothing between the layers.

    Raises ValueError for unknown names, omega without phi or phi without omega, a bias with no use,
    modReLU without one, and shapes that disagree, when the graph is built if they are known then, else at
    run time; TypeError for dtypes that are mixed or not floating point.

    Gradients run backward through all steps in one Op as well; higher derivatives and those forward are
    graphs of `pytensor.scan`, right and slower, for T >= 1 and static L and n (else
    NotImplementedError).
    """
    title = RotationRecurrence.title
    for name, value, allowed in (
        ("activation", activation, RECURRENT),
        ("style", style, STYLES),
        ("diagonal", diagonal, DIAGONALS),
    ):
        if value not in allowed:
            raise ValueError(f"{title}: {name} must be one of {', '.join(allowed)}, got {value!r}")
    if (phi is None) != (omega is None):
        raise ValueError(f"{title}: phi and omega go together, got one of them")
    if (bias is None) == RECURRENT[activation].biased:
        raise ValueError(
            f"{title}: activation 'modrelu' needs a bias (n,), got None"
            if bias is None
            else f"{title}: bias is the modReLU's; for {activation!r} add it to drive"
        )
    drive = pt.as_tensor_variable(drive)
    field = "real" if phi is None else "complex"
    op = RotationRecurrence(field, activation, mask is not None, style, diagonal)
    given = {"drive": drive, "theta": theta, "phi": phi, "omega": omega, "h0": h0, "bias": bias}
    given["mask"] = None if mask is None else pt.neq(mask, 0)
    inputs = [
        empty_constant(len(axes), "bool" if name == "mask" else drive.type.dtype)
        if name in op.absent
        else given[name]
        for name, axes in op.axes_in.items()
    ]
    found: Any = op(*inputs)
    return found[0]


class RotationRecurrence(NamedForward, RotationStepsOp):
    """`rotation_recurrence`, inputs ``(drive, theta, phi, omega, h0, bias, mask)``, absent ones empty.

    Outputs: all states, and for the complex modReLU the moduli ``(T, B, n)`` that the backward pass
    reads (else an empty array).
    """

    __props__ = ("field", "activation", "masked", "style", "diagonal", "inplace")
    scan = rotation_scan

    def __init__(self, field, activation, masked, style, diagonal, inplace=False):
        self.field = field
        self.activation = activation
        self.masked = masked
        self.style = style
        self.diagonal = diagonal
        self.inplace = inplace
        if inplace:
            # The states take the place of the drive, each step's after it was read.
            self.destroy_map = {0: [0]}

    @property
    def axes_out(self):
        return self.kept

    def fill(self, inputs, outputs):
        from unitarygraph.kernels import rotation_recurrence

        given, results = (
            dict(zip(axes, arrays, strict=True))
            for axes, arrays in ((self.axes_in, inputs), (self.axes_out, outputs))
        )
        rotation_recurrence.forward(self, given, results)

    def array(self, xp, *inputs):
        """Outputs over an array namespace, in a loop over time."""
        return forward(xp, self, *inputs)

    def backward(self):
        properties = (self.field, self.activation, self.masked, self.style, self.diagonal)
        return RotationRecurrenceGrad(*properties)
