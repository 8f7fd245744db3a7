"""Inputs and outputs of an Op on matrices, as its signature names them.

Kinds of a slot: ``F`` a matrix over the Op's field (stacked when complex, plain when real), loaded
as a NumPy array of that field; ``Z`` the same storage, loaded as complex in both fields and stored
back by its real part when real; ``C`` a stacked complex matrix in both fields; ``R`` a real array.
"""

import re
from dataclasses import dataclass
from functools import cache

import numpy as np

from unitarygraph.core.layout import COMPLEX_OF, to_complex


@dataclass(frozen=True)
class Slot:
    """One input or output: its kind, the letters of its axes and whether it has planes."""

    kind: str
    letters: tuple[str, ...]
    stacked: bool

    @property
    def ndim(self):
        """Number of core axes, the planes' axis included."""
        return len(self.letters) + self.stacked

    @property
    def pattern(self):
        """The shape as error messages print it."""
        return f"({', '.join(('...', *(['2'] if self.stacked else []), *self.letters))})"

    def core_shape(self, length):
        """Core shape, given the length of each letter."""
        return (*((2,) if self.stacked else ()), *(length[letter] for letter in self.letters))

    def load(self, x):
        """NumPy array of the slot's matrices, complex where the kind asks for it."""
        if self.stacked:
            return to_complex(x)
        return x.astype(COMPLEX_OF[x.dtype.name]) if self.kind == "Z" else x

    def store(self, out, value):
        """Write one matrix into the output array."""
        if self.stacked:
            out[0] = np.real(value)
            out[1] = np.imag(value) if np.ndim(value) else value
        else:
            out[...] = np.real(value)


@cache
def parse_slots(side, field):
    """Slots of one side of a signature for one field."""
    return tuple(
        Slot(
            kind,
            tuple(filter(None, axes.split(","))),
            kind == "C" or (kind in "FZ" and field == "complex"),
        )
        for kind, axes in re.findall(r"([FZCR])\(([a-z0-9,]*)\)", side)
    )


@cache
def parse_signature(signature, field):
    """Input and output slots of a signature for one field."""
    left, right = signature.split("->")
    return parse_slots(left, field), parse_slots(right, field)


def letters_of(slots):
    """Distinct letters of the slots' axes, in order of appearance."""
    return tuple(dict.fromkeys(letter for slot in slots for letter in slot.letters))
