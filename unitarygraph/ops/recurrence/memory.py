"""What the gradient of a recurrence keeps of the states: the option ``memory`` and its schedule."""

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from unitarygraph.ops.activations import RECURRENT

MEMORY = ("all", "sqrt", "invert")
# Steps that states may be run backward before they meet a checkpoint: their error grows by about an
# eps a step, that of W^H W.
FARTHEST = 256
# Steps of which "invert" holds the states: the fewer, the more calls of kernels.
BLOCK = 64


def checked_memory(memory, activation):
    """The option as Ops have it, a string or a Python int.

    Raises ValueError for others, and for "invert" where the activation has no inverse.
    """
    whole = isinstance(memory, int | np.integer) and not isinstance(memory, bool)
    if not (whole and memory >= 1) and memory not in MEMORY:
        raise ValueError(
            "recurrence: memory must be 'all', 'sqrt', 'invert' or a number of steps from 1 on, "
            f"got {memory!r}"
        )
    if memory == "invert" and RECURRENT[activation].entry_inverse is None:
        inverted = [name for name, a in RECURRENT.items() if a.entry_inverse is not None]
        raise ValueError(
            f"recurrence: memory='invert' runs the states backward, and {activation!r} cannot be "
            f"undone; one of {', '.join(inverted)} can, and memory='sqrt' needs no inverse"
        )
    return int(memory) if whole else memory


def schedule(memory):
    """Function of T: the steps k from one checkpoint to the next, and the number of checkpoints.

    Checkpoints are the states after k, 2k, ... steps, below T. "sqrt" has k = ceil(sqrt(T)), "invert"
    k = 256. Compilers read the function, so it calls nothing of ours.
    """
    fixed = {"sqrt": 0, "invert": FARTHEST}.get(memory, memory)

    def steps_and_count(T):
        k = fixed
        if k == 0:
            k = int(np.ceil(np.sqrt(T)))
        k = max(1, min(k, T))
        return k, max(0, (T - 1) // k)

    return steps_and_count


def symbolic_count(memory, T):
    """The number of checkpoints for a symbolic T, or a number of a backend's own."""
    if not isinstance(T, Variable):
        return schedule(memory)(int(T))[1]
    root = pt.maximum(pt.cast(pt.ceil(pt.sqrt(T)), "int64"), 1)
    k = {"sqrt": root, "invert": FARTHEST}.get(memory, memory)
    return pt.maximum((T - 1) // k, 0)


def block_of(memory, steps):
    """Steps whose states are held at a time: those between checkpoints, fewer for "invert"."""
    return min(steps, BLOCK) if memory == "invert" else steps
