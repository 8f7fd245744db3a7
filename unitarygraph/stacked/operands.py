"""Which field the arguments of a function are in, and their storage.

A complex variable or a NumPy complex array is complex. A plain tensor or real array of at most two
axes is real. One of three axes or more may be one stacked complex matrix or a batch of real ones: it
is refused unless ``field`` says which.
"""

from typing import Any

import pytensor.tensor as pt

from unitarygraph.core.layout import FIELDS, is_complex, plain, storage
from unitarygraph.stacked.variables import mark


def operands(function, field=None, **values):
    """The field, and the stored tensor of each value.

    Where another argument is complex a plain tensor of at most two axes is taken for its real part.

    Raises
    ------
    ValueError
        for another field than "complex" and "real", a complex value in the real field, and a plain
        tensor that may be stacked where ``field`` is None; the message names both remedies
    """
    if field not in (None, *FIELDS):
        raise ValueError(f"{function}: field must be 'complex' or 'real', got {field!r}")
    complex_names = [name for name, value in values.items() if is_complex(value)]
    if complex_names and field == "real":
        raise ValueError(f"{function}: {complex_names[0]} is complex, got field='real'")
    return field_of(function, field, values), [
        _stored(function, name, value, field, bool(complex_names)) for name, value in values.items()
    ]


def require_real(function, **values):
    """Raise TypeError for a value that is complex, naming it."""
    for name, value in values.items():
        if is_complex(value):
            raise TypeError(f"{function}: {name} must be real, got a complex one")


def field_of(function, field, values):
    """The field of a function's values, a dictionary by name; see `operands`."""
    if field is not None:
        return field
    if any(map(is_complex, values.values())):
        return "complex"
    for name, value in values.items():
        _refuse_ambiguous(function, name, pt.as_tensor_variable(value))
    return "real"


def result(field: str, *values: Any) -> Any:
    """A function's results for its user: complex variables in the complex field."""
    values = tuple(mark(v) if field == "complex" else v for v in values)
    return values if len(values) > 1 else values[0]


def stored(x):
    """The stored tensor of a complex variable, a NumPy complex array or number, or a plain tensor."""
    return pt.as_tensor_variable(storage(x))


def result_like(value, *given):
    """A stacked result for its user: complex where one of the arguments given is, else plain."""
    return mark(value) if any(map(is_complex, given)) else plain(value)


def _stored(function, name, value, field, among_complex):
    tensor = stored(value)
    if is_complex(value):
        return tensor
    if field is None and among_complex:
        _refuse_ambiguous(function, name, tensor)
        return pt.stack([tensor, pt.zeros_like(tensor)], axis=0)
    return tensor


def _refuse_ambiguous(function, name, tensor):
    if tensor.type.ndim >= 3:
        raise ValueError(
            f"{function}: {name} is a plain tensor of shape {tensor.type.shape}, which may be stacked "
            f"complex or a batch of real matrices: pass field='complex' (or unitarygraph.as_complex"
            f"({name})), or field='real'"
        )
