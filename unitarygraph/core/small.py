"""Small matrices: an Op's machine code for them, where it has one.

Python, LAPACK's overhead and NumPy's take far longer on a matrix of a few rows than its arithmetic
does. An Op names its kernel, of `unitarygraph.kernels.small`, by a `Small`; it is loaded at the first
call with matrices it is for, numba with it, so that graphs of large matrices know nothing of it.
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module
from math import prod
from typing import Any

# What a kernel returns: LARGE leaves its matrices to `MatrixOp.compute`, for their size or their values.
FAILED, DONE, REFUSED, LARGE = range(4)


@dataclass(frozen=True)
class Small:
    """The kernel of an Op: a module of `unitarygraph.kernels.small`, and up to what size it serves.

    By name, since kernels stand above the core and come with a compiler.
    """

    module: str
    largest: int


def suits(op, lengths):
    """Whether matrices of these lengths are for the Op's kernel."""
    return (
        op.small is not None
        and min(lengths, default=1) > 0
        and max(lengths, default=1) <= op.small.largest
    )


@cache
def kernel_of(op, dtype) -> Any:
    """The compiled kernel of an Op for a NumPy dtype, `unitarygraph.kernels.small.driver.Kernel`."""
    return import_module("unitarygraph.kernels.small.driver").Kernel(op, dtype)


@lru_cache(1024)
def batch_of(op, shapes):
    """Number of matrices and lengths of the letters where these are for the Op's kernel, else None."""
    length = {}
    for slot, shape in zip(op.slots[0], shapes, strict=True):
        length.update(zip(slot.letters, shape[len(shape) - len(slot.letters) :], strict=True))
    count = prod(shapes[0][: len(shapes[0]) - op.slots[0][0].ndim])
    lengths = tuple(length.values())
    return (count, lengths) if count and suits(op, lengths) else None


def fill_small(op, inputs, outputs):
    """Fill the outputs by the Op's kernel; False where it has none or leaves the matrices to others."""
    if op.small is None:
        return False
    batch = batch_of(op, tuple([x.shape for x in inputs]))
    return batch is not None and kernel_of(op, inputs[0].dtype)(inputs, outputs, *batch)
