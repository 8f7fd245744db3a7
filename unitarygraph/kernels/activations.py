"""The activations of `unitarygraph.ops.activations`, compiled for one entry, chosen by number.

The number of an activation is its place in the table, a constant of the kernel: the call is that of the
activation itself. Were the functions themselves handed to a kernel, numba's cache would take each
process's for others.
"""

from collections.abc import Callable

from numba import njit, types
from numba.extending import overload

from unitarygraph.kernels.options import FAST_INNER
from unitarygraph.ops.activations import RECURRENT


def number_of(name):
    """Place of an activation in the table."""
    return list(RECURRENT).index(name)


def by_number(functions: list[Callable]) -> Callable:
    """``(number, x, y, zero, constant) -> functions[number](x, y, zero, constant)``, compiled."""
    compiled = [njit(**FAST_INNER)(function) for function in functions]

    def choose(number, x, y, zero, constant):
        raise NotImplementedError("in compiled code alone")

    @overload(choose, jit_options=FAST_INNER)
    def compiled_choice(number, x, y, zero, constant):
        if not isinstance(number, types.IntegerLiteral):
            return None
        chosen = compiled[number.literal_value]
        return lambda number, x, y, zero, constant: chosen(x, y, zero, constant)

    return choose


#: ``value(number, z, bias, zero, constant)`` and ``slope(number, h, h_bar, zero, constant)``
value = by_number([activation.entry for activation in RECURRENT.values()])
slope = by_number([activation.entry_slope for activation in RECURRENT.values()])
#: ``inverse(number, h, bias, zero, constant)`` of those that have one; others' are never called
inverse = by_number([a.entry_inverse or a.entry for a in RECURRENT.values()])
