"""What the Ops that run all time steps share: shapes by named axes, and what fills their outputs."""

from typing import ClassVar

import numpy as np
from pytensor.graph.op import Op

from unitarygraph.core.axes import check_axes
from unitarygraph.core.matrix_op import from_shapes
from unitarygraph.ops.activations import RECURRENT


class StepsOp(Op):
    """An Op that runs all time steps, its inputs and outputs of one dtype, beside a mask of bools.

    A subclass states ``title`` (the user's name of the function), `axes_in`, `axes_out` and `fill`,
    what every mode on the CPU computes.
    """

    title: str
    #: whether users give the inputs, so that shapes are checked; else they are an Op's own results
    public: ClassVar[bool] = True
    #: the names of inputs whose values are not read
    unread: tuple[str, ...] = ()
    #: further conditions on the sizes, with their messages: Python's source of comparisons of whole
    #: numbers and nothing else, which compilers read as well
    conditions: tuple[tuple[str, str], ...] = ()
    #: sizes that follow from T, for outputs: Python's source, and the functions of numbers it calls
    derived: ClassVar[dict[str, str]] = {}

    @property
    def derived_calls(self):
        """Functions in `derived`, by name; compilers read them."""
        return {}

    def with_derived(self, sizes):
        """Sizes, and those in `derived` (None where T is unknown)."""
        known = sizes.get("T") is not None
        names = self.derived_calls | {"T": sizes.get("T")}
        return sizes | {k: eval(s, {}, names) if known else None for k, s in self.derived.items()}

    @property
    def axes_in(self):
        """Axes of each input, by name."""
        raise NotImplementedError

    @property
    def axes_out(self):
        """Axes of each output, by name."""
        raise NotImplementedError

    @property
    def absent(self):
        """Names of the inputs that this Op does without; empty arrays stand there."""
        return ()

    @property
    def present(self):
        """`axes_in` of the inputs that there are and that are read."""
        gone = (*self.absent, *self.unread)
        return {name: axes for name, axes in self.axes_in.items() if name not in gone}

    def sizes(self, shapes):
        """T, B and n from the inputs' shapes, None where unknown; refuses shapes that disagree."""
        there = self.present
        given = [s for name, s in zip(self.axes_in, shapes, strict=True) if name in there]
        field = getattr(self, "field", None)
        note = f" (field {field})" if field else ""
        found = check_axes(self.title, there, given, note)
        if None not in found.values():
            for condition, message in self.conditions:
                if not eval(condition, {}, found):
                    known = ", ".join(f"{axis} = {size}" for axis, size in found.items())
                    raise ValueError(f"{self.title}: {message}, got {known}")
        return self.with_derived(found)

    def shapes_out(self, sizes):
        """Shapes of the outputs, given the sizes of the named axes."""
        return [tuple(sizes.get(axis, axis) for axis in axes) for axes in self.axes_out.values()]

    @from_shapes
    def infer_shape(self, shapes):
        sizes, there = {}, self.present
        for (name, axes), shape in zip(self.axes_in.items(), shapes, strict=True):
            if name in there:
                for axis, size in zip(axes, shape, strict=True):
                    if isinstance(axis, str):
                        sizes.setdefault(axis, size)
        return self.shapes_out(self.symbolic_sizes(sizes))

    def symbolic_sizes(self, sizes):
        """Symbolic sizes, and those in `derived`."""
        return sizes

    def perform(self, node, inputs, output_storage):
        sizes = self.sizes([x.shape for x in inputs])
        # Compiled loops see addresses alone, so the dtypes must be as declared.
        inputs = [
            np.ascontiguousarray(x, declared.type.dtype)
            for x, declared in zip(inputs, node.inputs, strict=True)
        ]
        outputs = [
            inputs[self.destroy_map[i][0]]
            if i in self.destroy_map
            else np.empty(shape, x.type.dtype)
            for i, (shape, x) in enumerate(zip(self.shapes_out(sizes), node.outputs, strict=True))
        ]
        self.run(inputs, outputs)
        for storage, out in zip(output_storage, outputs, strict=True):
            storage[0] = out

    def run(self, inputs, outputs):
        """`fill` as every mode calls it: what overflows is infinite or NaN, without a word."""
        given = [
            None if name in self.absent else x for name, x in zip(self.axes_in, inputs, strict=True)
        ]
        with np.errstate(all="ignore"):
            self.fill(given, outputs)

    def fill(self, inputs, outputs):
        """Fill the output arrays by compiled loops; all are contiguous, absent inputs are None.

        An output that the Op's ``destroy_map`` lays over an input is that very array.
        """
        raise NotImplementedError


class MatrixStepsOp(StepsOp):
    """A `StepsOp` of the recurrence with a matrix: its field, activation and mask."""

    title = "recurrence"

    @property
    def biased(self):
        """Whether the activation has a bias within."""
        return RECURRENT[self.activation].biased

    @property
    def keeps_moduli(self):
        """Whether the backward pass reads the moduli that the forward pass writes."""
        return self.biased and self.field == "complex"

    @property
    def plane(self):
        """The axis of the planes, where there is one."""
        return (2,) if self.field == "complex" else ()

    @property
    def axes_in(self):
        return {
            "drive": ("T", *self.plane, "B", "n"),
            "W": (*self.plane, "n", "n"),
            "h0": (*self.plane, "B", "n"),
            "bias": ("n",),
            "mask": ("T", "B"),
        }

    @property
    def moduli(self):
        """Axes of the moduli; there are none where nobody reads them."""
        return ("T", "B", "n") if self.keeps_moduli else (0, 0, 0)

    @property
    def absent(self):
        there = {"bias": self.biased, "mask": self.masked}
        return tuple(name for name, given in there.items() if not given)


def check_dtypes(dtypes):
    """Raise TypeError unless inputs, by name, have one dtype and the mask is of bools."""
    if dtypes.pop("mask") != "bool":
        raise TypeError("recurrence: mask must be bool inside the Op")
    if set(dtypes.values()) not in ({"float32"}, {"float64"}):
        *first, last = dtypes
        raise TypeError(
            f"recurrence: {', '.join(first)} and {last} must have one dtype, float32 or float64, got "
            + ", ".join(dtypes.values())
        )
