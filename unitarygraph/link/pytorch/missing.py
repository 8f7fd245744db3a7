"""Ops of PyTensor that its PyTorch dispatch lacks and that the library's graphs need.

Each is registered only where PyTensor (3.0.7 to 3.3.8, looked up in both) has nothing of its own and
its graphs fail or, `EQ`, mean something else: `ExtractDiag` (traces, eigenvalues),
`Argmax` (accuracies), `Pow`, which PyTorch does not call ``power``, and `EQ`, which else becomes
`torch.equal`, one truth value for two whole tensors.
"""

import torch
from pytensor.link.pytorch.dispatch.basic import pytorch_funcify
from pytensor.scalar.basic import EQ, Pow
from pytensor.tensor.basic import ExtractDiag
from pytensor.tensor.math import Argmax


def extract_diag(op, **kwargs):
    """Diagonal of two axes, as the last one."""

    def extract_diag(x):
        return torch.diagonal(x, op.offset, op.axis1, op.axis2)

    return extract_diag


def argmax(op, **kwargs):
    """Index of the first largest entry along one axis, or of several axes flattened."""

    def argmax(x):
        axes = range(x.ndim) if op.axis is None else op.axis
        kept = [axis for axis in range(x.ndim) if axis not in axes]
        return torch.argmax(x.permute(*kept, *axes).flatten(len(kept)), -1)

    return argmax


MISSING = {
    ExtractDiag: extract_diag,
    Argmax: argmax,
    EQ: lambda op, **kwargs: torch.eq,
    Pow: lambda op, **kwargs: torch.pow,
}
for missing, implementation in MISSING.items():
    if missing not in pytorch_funcify.registry:
        pytorch_funcify.register(missing)(implementation)
