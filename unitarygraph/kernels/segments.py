"""One thread's rows of a recurrence on segments of time: forward, and backward with what it sums."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from unitarygraph.kernels.records import record
from unitarygraph.kernels.recurrence import kernel_of
from unitarygraph.kernels.recurrence_inverse import INVERSE
from unitarygraph.kernels.recurrence_real import BACKWARD, FORWARD

Array: TypeAlias = np.ndarray[Any, Any]


@dataclass
class Segments:
    """The kernels on steps [lo, hi) of the rows [first, end).

    A state is ``(..., B, n)`` as stored, of which the rows are read or written. ``W`` are the matrices
    that the products of a kernel read, for the forward pass and for the adjoint; ``states`` and
    ``moduli`` hold those of one segment.
    """

    field: str
    activation: str
    drive: Array
    W: Array
    W_adjoint: Array
    bias: Array | None
    mask: Array | None
    states: Array
    moduli: Array | None
    first: int
    end: int

    def run(self, direction: str, layout: Any, lo: int, hi: int, **given: Any) -> None:
        """Call a kernel."""
        B, n = self.drive.shape[-2:]
        given |= {"bias": self.bias, "mask": None if self.mask is None else self.mask[lo:hi]}
        given |= {"states": self.states, "moduli": self.moduli, "T": hi - lo, "B": B, "n": n}
        given |= {"first": self.first, "last": self.end, "masked": self.mask is not None}
        kernel, _ = kernel_of(direction, self.field, self.drive.dtype.type, self.activation)
        table = record(layout, **given, alive=0)
        kernel(table.ctypes.data)

    def rows(self, a: Array) -> Array:
        """These rows of states or outputs."""
        return a[..., self.first : self.end, :]

    def forward(self, start: Array, lo: int, hi: int) -> Array:
        """Fill `states` from the state before lo; return the last."""
        self.run("forward", FORWARD, lo, hi, drive=self.drive[lo:hi], W=self.W, h0=start)
        return self.states[hi - lo - 1]

    def inverse(self, end: Array, before: Array, lo: int, hi: int) -> None:
        """Fill `states` and ``before``, the state before lo, from the state after hi."""
        self.rows(self.states[hi - lo - 1])[...] = self.rows(end)
        drive, W = self.drive[lo:hi], self.W_adjoint
        self.run("inverse", INVERSE, lo, hi, drive=drive, W=W, before=before)


@dataclass
class Sums:
    """What the backward pass adds up over time, for one thread's rows: W, bias and readout."""

    segments: Segments
    readout: Array | None
    outputs_bar: Array | None
    drive_bar: Array
    h_bar: Array
    W_bar: Array
    bias_bar: Array
    readout_bar: Array

    def backward(self, start: Array, lo: int, hi: int) -> None:
        """One segment, whose states are in ``segments.states``: h_bar goes from hi to lo."""
        s, reads = self.segments, self.outputs_bar is not None
        drive_bar = self.drive_bar[lo:hi]
        if reads:
            # The cotangents of the states lie where those of the drive will.
            self.read_backward(s.rows(s.states[: hi - lo]), s.rows(drive_bar), lo, hi)
        given = {"states_bar": drive_bar, "from_states": reads, "drive_bar": drive_bar}
        given |= {"last_bar": self.h_bar, "from_last": True, "h0_bar": self.h_bar}
        given |= {"W_bar": self.W_bar, "bias_bar": self.bias_bar}
        s.run("backward", BACKWARD, lo, hi, W=s.W_adjoint, h0=start, **given)

    def read_backward(self, states: Array, states_bar: Array, lo: int, hi: int) -> None:
        """Cotangents of states and readout from those of the outputs."""
        assert self.readout is not None
        assert self.outputs_bar is not None
        y_bar = self.segments.rows(self.outputs_bar[lo:hi])
        for plane, U, U_bar in planes_of(self.readout, self.readout_bar):
            np.matmul(y_bar, U.T, out=states_bar[plane])
            U_bar += np.tensordot(states[plane], y_bar, axes=((0, 1), (0, 1)))

    def changed(self, lo: int, hi: int) -> list[Array]:
        """Arrays that a segment changes and a second try of it reads."""
        s = self.segments
        drive = [s.rows(s.drive[lo:hi])] if self.drive_bar is s.drive else []
        return [s.rows(self.h_bar), self.W_bar, self.bias_bar, self.readout_bar, *drive]

    def saved(self, lo: int, hi: int) -> list[Array]:
        """Copies of them."""
        return [x.copy() for x in self.changed(lo, hi)]

    def restore(self, saved: list[Array], lo: int, hi: int) -> None:
        """Take the segment back."""
        for x, old in zip(self.changed(lo, hi), saved, strict=True):
            x[...] = old


def planes_of(*matrices: Array) -> Any:
    """(index of the states' plane, matrices of that plane): one of real ones, two of stacked."""
    if matrices[0].ndim == 2:
        return [(..., *matrices)]
    return [((slice(None), k), *(m[k] for m in matrices)) for k in (0, 1)]
