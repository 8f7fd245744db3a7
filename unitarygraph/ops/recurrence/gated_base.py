"""What the Ops of gated recurrences share: which cells there are, and the axes of their arrays."""

from dataclasses import dataclass

from unitarygraph.ops.recurrence.named import NamedStepsOp


@dataclass(frozen=True)
class GatedCell:
    """A kind of gated recurrence; its formulas are in `unitarygraph.ops.recurrence.gated_steps`."""

    #: blocks of n columns that are made of the state by W
    gates: int
    #: further blocks of the drive, those of the candidate that the gates let in
    candidates: int
    #: 2 where the states are complex, of real and imaginary part side by side, ``(B, 2, n)``
    planes: int = 1
    #: whether there is a cell c beside the state h
    cell: bool = False
    #: whether the forward pass keeps ``(T, B, n)`` for the backward one, beside the gates
    memory: bool = False

    @property
    def blocks(self):
        """Blocks of the drive."""
        return self.gates + self.candidates


GATED = {
    "lstm": GatedCell(gates=4, candidates=0, cell=True, memory=True),
    "gru": GatedCell(gates=2, candidates=1),
    "goru": GatedCell(gates=2, candidates=1, memory=True),
    "cgrnn": GatedCell(gates=2, candidates=2, planes=2),
}


class GatedStepsOp(NamedStepsOp):
    """A `StepsOp` of a gated recurrence: the name of its cell in `GATED`, its activation, its mask."""

    title = "gated recurrence"

    @property
    def kind(self):
        """The entry of `GATED`."""
        return GATED[self.cell]

    @property
    def plane(self):
        """The axis of the planes, where there is one."""
        return (2,) if self.kind.planes == 2 else ()

    @property
    def arguments(self):
        """Axes of what a `GatedRecurrence` is given, by name."""
        plane, kind = self.plane, self.kind
        return {
            "drive": ("T", "B", kind.blocks, "n"),
            "W": (*plane, "n", kind.gates, "n"),
            "U": (*plane, "n", *plane, "n"),
            "bias": (kind.blocks, "n"),
            "offset": ("n",),
            "h0": ("B", *plane, "n"),
            "c0": ("B", "n"),
            "mask": ("T", "B"),
        }

    @property
    def kept(self):
        """Axes of what the forward pass keeps for the backward one, beside the states."""
        memory = ("T", "B", "n") if self.kind.memory else (0, 0, 0)
        return {"gates": self.arguments["drive"], "memory": memory}

    @property
    def absent(self):
        there = {
            "U": self.kind.candidates,
            "offset": self.activation in ("modrelu", "hirose"),
            "c0": self.kind.cell,
            "mask": self.masked,
        }
        return tuple(name for name, given in there.items() if not given)
