"""Kernels as single nodes of compiled graphs.

`torch.compile` would unroll the loops of a recurrence, cannot follow a number of squarings that
depends on data, and warns of complex numbers. A custom operator stands in its graph as one node,
whose shapes are known and whose kernel runs as ordinary PyTorch; it may raise, too.
"""

from collections.abc import Callable

import torch
from pytensor.graph.op import Op

# What the name of a kernel stands for: the Op, which knows the shapes, and the kernel.
KERNELS: dict[str, tuple[Op, Callable]] = {}


@torch.library.custom_op("unitarygraph::kernel", mutates_args=())
def run(name: str, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    """Results of the kernel called ``name``, in memory of their own."""
    _, kernel = KERNELS[name]
    return [result.clone(memory_format=torch.contiguous_format) for result in kernel(*inputs)]


@run.register_fake
def _(name, inputs):
    op, _ = KERNELS[name]
    shapes = op.infer_shape(None, [tuple(x.shape) for x in inputs])
    return [inputs[0].new_empty(shape) for shape in shapes]


def opaque(op, kernel):
    """Function of tensors that runs ``kernel`` as one node."""
    properties = ",".join(f"{name}={getattr(op, name)}" for name in op.__props__)
    name = f"{type(op).__module__}.{type(op).__qualname__}({properties})"
    KERNELS[name] = op, kernel

    def function(*inputs):
        outputs = run(name, list(inputs))
        return tuple(outputs) if len(outputs) > 1 else outputs[0]

    return function
