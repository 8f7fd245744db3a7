"""Any `MatrixOp` over an array namespace: the Op's `array`, and around it what all Ops have in common.

Shapes, planes, matrices that are not finite. ``xp`` is the module ``namespace`` of
`unitarygraph.link.jax` or `unitarygraph.link.pytorch`: the functions that the two share, by the names
of ``jax.numpy``. Nothing here imports either.
"""

from functools import reduce
from math import prod
from operator import and_

from unitarygraph.core.matrix_op import MatrixOp


def array_of(op):
    """An Op's `array`; NotImplementedError where there is none."""
    if type(op).array is MatrixOp.array:
        why = op.no_array and f": {op.no_array}"
        raise NotImplementedError(f"{type(op).__name__} has no kernel for JAX and PyTorch{why}")
    return op.array


def evaluate(xp, op, inputs):
    """Outputs as stored, and which matrices of the batch the Op refuses (None: it refuses none).

    Matrices with NaN or an infinity are computed as zeros and come out as NaN, unless the Op is
    ``entrywise``.
    """
    slots_in, slots_out = op.slots
    shapes = op.shapes_out([tuple(x.shape) for x in inputs])
    if not any(map(prod, shapes)):
        return [xp.zeros(shape, like=inputs[0]) for shape in shapes], None
    finite = None
    if not op.entrywise:
        each = [all_over(xp, xp.isfinite(x), s.ndim) for x, s in zip(inputs, slots_in, strict=True)]
        finite = reduce(and_, each)
        inputs = [
            xp.where(padded(finite, slot.ndim), x, 0)
            for x, slot in zip(inputs, slots_in, strict=True)
        ]
    arrays = [load(xp, slot, x) for x, slot in zip(inputs, slots_in, strict=True)]
    values = array_of(op)(xp, *arrays)
    values = values if isinstance(values, tuple) else (values,)
    refused = op.refuses(xp, arrays, values)
    outputs = [store(xp, slot, value) for slot, value in zip(slots_out, values, strict=True)]
    if finite is None:
        return outputs, refused
    outputs = [
        xp.where(padded(finite, slot.ndim), out, float("nan"))
        for slot, out in zip(slots_out, outputs, strict=True)
    ]
    return outputs, None if refused is None else refused & finite


def load(xp, slot, x):
    """Matrices of an input, complex where the slot asks for it."""
    if slot.stacked:
        index = (..., 0, *(slice(None),) * len(slot.letters))
        return xp.complex(x[index], x[(..., 1, *index[2:])])
    return xp.complex(x, xp.zeros_like(x)) if slot.kind == "Z" else x


def store(xp, slot, value):
    """Output of matrices, without the imaginary part where the slot is real."""
    if not slot.stacked:
        return xp.real(value)
    return xp.stack([xp.real(value), xp.imag(value)], -slot.ndim)


def all_over(xp, condition, axes):
    """Whether a condition holds over the last so many axes."""
    return xp.all(condition, tuple(range(-axes, 0))) if axes else condition


def padded(condition, axes):
    """A condition on the batch with so many axes of length one behind."""
    return condition[(..., *(None,) * axes)]
