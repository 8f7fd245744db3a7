"""The activations of `unitarygraph.ops.activations`, compiled for one entry, chosen by number.

The number of an activation is its place in the table. A kernel knows it when it is compiled, and LLVM
then leaves nothing of the choice. Were the functions themselves handed to a kernel, numba's cache would
take each process's for others.
"""

from numba import njit

from unitarygraph.kernels.vectors import OPTIONS
from unitarygraph.ops.activations import RECURRENT


def number_of(name):
    """Place of an activation in the table."""
    return list(RECURRENT).index(name)


def by_number(functions):
    """Compiled ``(number, *x) -> functions[number](*x)``."""
    first, *others = [njit(**OPTIONS)(function) for function in functions]
    if not others:

        @njit(**OPTIONS)
        def last(number, x, y, zero, constant):
            return first(x, y, zero, constant)

        return last
    rest = by_number(functions[1:])

    @njit(**OPTIONS)
    def choose(number, x, y, zero, constant):
        if number == 0:
            return first(x, y, zero, constant)
        return rest(number - 1, x, y, zero, constant)

    return choose


#: ``value(number, z, bias, zero, constant)`` and ``slope(number, h, h_bar, zero, constant)``
value = by_number([activation.entry for activation in RECURRENT.values()])
slope = by_number([activation.entry_slope for activation in RECURRENT.values()])
#: ``inverse(number, h, bias, zero, constant)`` of those that have one; others' are never called
inverse = by_number([a.entry_inverse or a.entry for a in RECURRENT.values()])
