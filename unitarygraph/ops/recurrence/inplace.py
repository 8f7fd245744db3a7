"""Rewrites that let the recurrences overwrite what nobody reads any more: less memory, fewer pages."""

from pytensor.compile.mode import optdb
from pytensor.graph.rewriting.basic import copy_stack_trace, in2out, node_rewriter

from unitarygraph.core.tangents import empty_constant
from unitarygraph.ops.recurrence.checkpointed_grad import CheckpointedRecurrenceGrad
from unitarygraph.ops.recurrence.gated import GatedRecurrence
from unitarygraph.ops.recurrence.gated_grad import GatedRecurrenceGrad
from unitarygraph.ops.recurrence.grad import RecurrenceGrad
from unitarygraph.ops.recurrence.op import Recurrence
from unitarygraph.ops.recurrence.rotation import RotationRecurrence
from unitarygraph.ops.recurrence.rotation_grad import RotationRecurrenceGrad

DRIVE = 0


@node_rewriter([RecurrenceGrad, RotationRecurrenceGrad])
def local_forget_drive(fgraph, node):
    """These never read the drive's value: the states stand in, so the drive can go."""
    inputs = list(node.inputs)
    states = inputs[list(node.op.axes_in).index("states")]
    if inputs[DRIVE] is states or inputs[DRIVE].type != states.type:
        return None
    inputs[DRIVE] = states
    return node.op.make_node(*inputs).outputs


@node_rewriter([GatedRecurrenceGrad])
def local_forget_gated_drive(fgraph, node):
    """Nor does `GatedRecurrenceGrad`: nothing stands in, as what could is overwritten."""
    drive, *rest = node.inputs
    if drive.owner is None and drive.type.shape == (0,) * drive.type.ndim:
        return None
    return node.op.make_node(empty_constant(drive.type.ndim, drive.type.dtype), *rest).outputs


@node_rewriter(
    [
        Recurrence,
        RecurrenceGrad,
        CheckpointedRecurrenceGrad,
        GatedRecurrence,
        GatedRecurrenceGrad,
        RotationRecurrence,
        RotationRecurrenceGrad,
    ],
    inplace=True,
)
def local_recurrence_inplace(fgraph, node):
    """States or gates over the drive; its cotangent over the drive, the states' or the gates."""
    op = node.op
    if op.inplace or (isinstance(op, RecurrenceGrad) and not op.from_states):
        return None
    properties = {name: getattr(op, name) for name in op.__props__} | {"inplace": True}
    new = type(op)(**properties).make_node(*node.inputs).outputs
    copy_stack_trace(node.outputs, new)
    return new


# After specialization, when no further derivative of the graph is taken; in place as late as
# PyTensor's own Ops.
optdb.register(
    "unitarygraph_forget_drive",
    in2out(local_forget_drive, local_forget_gated_drive, name="forget_drive"),
    "fast_run",
    "unitarygraph",
    position=60,
)
optdb.register(
    "unitarygraph_recurrence_inplace",
    in2out(local_recurrence_inplace, name="recurrence_inplace"),
    "fast_run",
    "inplace",
    "unitarygraph",
    position=75,
)
