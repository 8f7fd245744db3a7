"""What the Ops of the recurrence of rotations share: the axes of their arrays."""

from unitarygraph.ops.activations import RECURRENT
from unitarygraph.ops.recurrence.named import NamedStepsOp


class RotationStepsOp(NamedStepsOp):
    """A `StepsOp` of layers of rotations: field, activation, mask, the layers' style, place of phases."""

    title = "rotation recurrence"

    @property
    def biased(self):
        """Whether the activation has a bias within."""
        return RECURRENT[self.activation].biased

    @property
    def keeps_moduli(self):
        """Whether the backward pass reads the moduli that the forward pass writes."""
        return self.biased and self.field == "complex"

    @property
    def conditions(self):
        angles = (("p == n // 2", "theta must be (L, n // 2)"),)
        if self.style == "tunable":
            return angles
        return (*angles, ("n == 0 or n == 2 ** L", "style 'fft' needs n = 2^L"))

    @property
    def arguments(self):
        """Axes of what a `RotationRecurrence` is given, by name."""
        plane = (2,) if self.field == "complex" else ()
        return {
            "drive": ("T", *plane, "B", "n"),
            "theta": ("L", "p"),
            "phi": ("L", "p"),
            "omega": ("n",),
            "h0": (*plane, "B", "n"),
            "bias": ("n",),
            "mask": ("T", "B"),
        }

    @property
    def kept(self):
        """Axes of the states, and of the moduli where somebody reads them."""
        moduli = ("T", "B", "n") if self.keeps_moduli else (0, 0, 0)
        return {"states": self.arguments["drive"], "moduli": moduli}

    @property
    def absent(self):
        turns = self.field == "complex"
        there = {"phi": turns, "omega": turns, "bias": self.biased, "mask": self.masked}
        return tuple(name for name, given in there.items() if not given)
