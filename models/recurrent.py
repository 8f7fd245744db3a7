"""Layers of recurrent cells, run in one or both directions, and a readout."""

import inspect
from types import MappingProxyType
from typing import ClassVar

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph.models.base import Model
from unitarygraph.nn.cell import Cell, RecurrentCell
from unitarygraph.nn.functions import dropout
from unitarygraph.nn.initializers import glorot_uniform
from unitarygraph.nn.recurrence import readout
from unitarygraph.parametrizations.base import Parametrization
from unitarygraph.stacked.operands import stored
from unitarygraph.stacked.typing import Array, Updates, Value


class RecurrentModel(Model):
    r"""Cells in layers; outputs h U + c, or [Re h; Im h] U + c of complex states.

    A subclass says in `matrix` (or `make_matrix`) what the recurrent matrix is, and in `cell` (or
    `make_cell`) what a cell is.

    Parameters
    ----------
    layers : each reads the states of the one before
    bidirectional : run each layer forward and backward through time as well; their states are
        joined, so that each step's output knows the whole sequence
    dropout : share of numbers that training sets to zero in what each layer but the first and the
        readout read, the same units in all steps (Gal and Ghahramani, 2016)
    memory : what is kept of the states for the gradient: "all" of them; the states after every k-th
        step, k a number or with "sqrt" the root of the length, the others being computed again; or
        "invert" (see `unitarygraph.recurrence`). Other than "all" it needs one layer in one direction,
        no dropout and a cell h_t = f(h_{t-1} W + x_t V) with an activation of that function's
    rng : NumPy Generator or seed, by default fresh entropy

    U is called ``U`` and c, at first zero, ``c``; the parameters of cells have their names, with
    ``layer1/backward/`` before them where there are several cells.
    """

    layers: int = 1
    bidirectional: bool = False
    dropout: float = 0.0
    memory: str | int = "all"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.layers < 1:
            raise ValueError(f"layers must be at least 1, got {self.layers}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {self.dropout}")
        if self.memory != "all" and (self.layers > 1 or self.bidirectional or self.dropout):
            raise ValueError(
                f"memory={self.memory!r} needs one layer in one direction without dropout, got "
                f"layers={self.layers}, bidirectional={self.bidirectional}, dropout={self.dropout}"
            )
        rng, layers, bidirectional = self.rng, self.layers, self.bidirectional
        directions = ("forward", "backward") if bidirectional else ("",)
        several = layers > 1 or bidirectional
        #: the cells of each layer, forward and backward
        self.stack = []
        features, complex_input = self.input_size, False
        for number in range(layers):
            layer = []
            for direction in directions:
                prefix = f"layer{number}/{direction}{'/' * bidirectional}" if several else ""
                cell = self.make_cell(features, rng, prefix, complex_input)
                layer.append(cell)
            if self.memory != "all" and getattr(layer[0], "memory", "all") == "all":
                raise ValueError(
                    f"{type(self).__name__}: its cell keeps all states, memory must be 'all', got "
                    f"{self.memory!r}"
                )
            self.stack.append(layer)
            complex_input = cell.field == "complex"
            features = cell.hidden_size * len(layer)
        rows = 2 * features if complex_input else features
        self.weight = self.parameter("U", self.readout_init(rng, (rows, self.output_size)))
        self.bias = self.parameter("c", np.zeros(self.output_size))
        # What follows layer k is dropped out by generator k; they have names, for checkpoints.
        self._generators = {
            k: pytensor.shared(child, name=f"dropout{k}")
            for k, child in enumerate(rng.spawn(layers if self.dropout else 0), start=1)
        }

    #: name of the cell's activation; an option of models that annotate it
    activation = "modrelu"
    #: whether W is applied in each step; None, what is faster
    structured = None
    #: a cell h_t = f(h_{t-1} W + x_t V), made as `RecurrentCell` is
    cell = RecurrentCell
    #: parametrization of W, a class; its fixed options; the name of its parameters
    matrix = None
    matrix_options = MappingProxyType({})
    matrix_name = "W"
    #: first value of V, a function of a Generator, the shape and the number of planes
    input_init = staticmethod(glorot_uniform)
    #: first value of U, a function of a Generator and the shape
    readout_init = staticmethod(glorot_uniform)
    #: b is drawn from U(-bias_range, bias_range)
    bias_range = 0.01
    #: whether h_0 is trained, from U(-s, s) with s^2 = 3 / (2 n), or s as a number
    learned_start: ClassVar[bool | float] = False

    def make_cell(
        self, input_size: int, rng: np.random.Generator, prefix: str, complex_input: bool
    ) -> Cell:
        """Return a `unitarygraph.nn.Cell` whose parameters' names begin with prefix.

        Here `cell` around `make_matrix`.
        """
        return self.cell(
            self.make_matrix(rng, prefix),
            input_size,
            activation=self.activation,
            input_init=self.input_init,
            bias_range=self.bias_range,
            learned_start=self.learned_start,
            structured=self.structured,
            memory=self.memory,
            complex_input=complex_input,
            rng=rng,
            prefix=prefix,
        )

    def make_matrix(self, rng: np.random.Generator, prefix: str) -> Parametrization:
        """Return the `unitarygraph.parametrizations.Parametrization` of W, (n, n).

        Here `matrix`, to which go `matrix_options` and those of the model's options that it knows.
        """
        if self.matrix is None:
            raise NotImplementedError(
                f"{type(self).__name__}: needs matrix, make_matrix or make_cell"
            )
        known = inspect.signature(self.matrix).parameters
        chosen = {key: value for key, value in self.options.items() if key in known}
        chosen |= self.matrix_options
        name = prefix + self.matrix_name
        return self.matrix(self.hidden_size, rng=rng, dtype=self.dtype, name=name, **chosen)

    @property
    def cells(self) -> list[Cell]:
        """All cells, layer by layer."""
        return [cell for layer in self.stack for cell in layer]

    def __call__(self, x: Value, mask: Value | None = None) -> TensorVariable:
        return self._outputs(x, mask, None)

    def training(self, x: Value, mask: Value | None = None) -> tuple[TensorVariable, Updates]:
        """Outputs with dropout, and the updates of its random generators."""
        if not self.dropout:
            return self(x, mask), {}
        updates = {}
        return self._outputs(x, mask, updates), updates

    def _outputs(self, x, mask, updates):
        """Outputs; with a dictionary of updates those of training, which it is filled with."""
        if self.memory != "all":
            return self.cells[0].outputs(x, self.weight, mask) + self.bias
        states = stored(x)
        for number, layer in enumerate(self.stack):
            if number:
                states = self._dropped(states, number, updates)
            runs = [layer[0](states, mask)]
            if len(layer) == 2:
                flipped = None if mask is None else mask[::-1]
                runs.append(layer[1](states[::-1], flipped)[::-1])
            states = runs[0] if len(runs) == 1 else pt.concatenate(runs, axis=-1)
        states = self._dropped(states, len(self.stack), updates)
        return readout(states, self.weight, self.bias)

    def _dropped(self, states, place, updates):
        """States with units left out in training, by the place's own generator."""
        if updates is None:
            return states
        field = "complex" if states.type.ndim == 4 else "real"
        rate, rng = self.dropout, self._generators[place]
        states, after = dropout(states, rate, rng, field, per_sequence=True)
        updates |= after
        return states

    def recurrent_matrix(self) -> Array | None:
        """Current W of the first cell, None where a cell has none."""
        return self.cells[0].matrix()

    def recurrent_matrices(self) -> list[Array]:
        """Current W of every cell that has one."""
        return [W for W in (cell.matrix() for cell in self.cells) if W is not None]
