"""Rewrites that let the recurrence overwrite what nobody reads any more: less memory, fewer pages."""

from pytensor.compile.mode import optdb
from pytensor.graph.rewriting.basic import copy_stack_trace, in2out, node_rewriter

from unitarygraph.ops.recurrence.checkpointed_grad import CheckpointedRecurrenceGrad
from unitarygraph.ops.recurrence.grad import RecurrenceGrad
from unitarygraph.ops.recurrence.op import Recurrence

DRIVE, STATES, STATES_BAR = 0, 5, 7


@node_rewriter([RecurrenceGrad])
def local_forget_drive(fgraph, node):
    """`RecurrenceGrad` never reads the drive's value: the states stand in, so the drive can go."""
    inputs = list(node.inputs)
    if inputs[DRIVE] is inputs[STATES] or inputs[DRIVE].type != inputs[STATES].type:
        return None
    inputs[DRIVE] = inputs[STATES]
    return node.op.make_node(*inputs).outputs


@node_rewriter([Recurrence], inplace=True)
def local_states_over_drive(fgraph, node):
    """States over the drive."""
    op = node.op
    if op.inplace:
        return None
    new = Recurrence(op.field, op.activation, op.masked, inplace=True)(*node.inputs)
    copy_stack_trace(node.outputs, new)
    return new


@node_rewriter([RecurrenceGrad], inplace=True)
def local_drive_bar_over_states_bar(fgraph, node):
    """The drive's cotangent over that of the states."""
    op = node.op
    if op.inplace or not op.from_states:
        return None
    new = RecurrenceGrad(
        op.field, op.activation, op.masked, op.from_states, op.from_last, inplace=True
    )(*node.inputs)
    copy_stack_trace(node.outputs, new)
    return new


@node_rewriter([CheckpointedRecurrenceGrad], inplace=True)
def local_drive_bar_over_drive(fgraph, node):
    """The drive's cotangent over the drive."""
    op = node.op
    if op.inplace:
        return None
    properties = [getattr(op, name) for name in op.__props__ if name != "inplace"]
    new = CheckpointedRecurrenceGrad(*properties, inplace=True)(*node.inputs)
    copy_stack_trace(node.outputs, new)
    return new


# After specialization, when no further derivative of the graph is taken; in place as late as
# PyTensor's own Ops.
optdb.register(
    "unitarygraph_forget_drive", in2out(local_forget_drive), "fast_run", "unitarygraph", position=60
)
optdb.register(
    "unitarygraph_recurrence_inplace",
    in2out(
        local_states_over_drive,
        local_drive_bar_over_states_bar,
        local_drive_bar_over_drive,
        name="recurrence_inplace",
    ),
    "fast_run",
    "inplace",
    "unitarygraph",
    position=75,
)
