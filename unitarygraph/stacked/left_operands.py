"""Sums, products and the like of a plain tensor and a complex variable: the complex one decides."""

from functools import wraps

from pytensor.tensor.sharedvar import TensorSharedVariable
from pytensor.tensor.variable import TensorConstant

from unitarygraph.stacked.variables import ComplexVariable


def _yielding(operator):
    """A tensor's operator that leaves a complex right operand to that operand's own."""

    @wraps(operator)
    def method(self, other, *args):
        if isinstance(other, ComplexVariable) and not isinstance(self, ComplexVariable):
            return NotImplemented
        return operator(self, other, *args)

    return method


# In x + Z Python asks Z first where Z's class derives from that of x, as it does for a tensor
# variable. PyTensor's constants and shared variables are none of its bases: their own operators would
# see the storage, and add x to the imaginary part as well.
LEFT = (
    "add", "sub", "mul", "truediv", "matmul", "pow", "mod", "floordiv", "divmod",
    "lt", "le", "gt", "ge", "and", "or", "xor",
)  # fmt: skip
for _kind in (TensorConstant, TensorSharedVariable):
    for _name in LEFT:
        setattr(_kind, f"__{_name}__", _yielding(getattr(_kind, f"__{_name}__")))
