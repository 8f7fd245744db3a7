"""What every recurrent cell offers, and the cell of the unitary lineage."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph.core.layout import plain
from unitarygraph.manifolds import Euclidean, Manifold
from unitarygraph.module import Module
from unitarygraph.nn.initializers import glorot_uniform
from unitarygraph.nn.recurrence import drive_of, first_state
from unitarygraph.nn.steps import run_steps
from unitarygraph.ops.activations import ACTIVATIONS, RECURRENT, activate
from unitarygraph.ops.recurrence import checked_memory, recurrence
from unitarygraph.parameter import parameter
from unitarygraph.parametrizations.base import Parametrization
from unitarygraph.stacked.operands import result_like, stored
from unitarygraph.stacked.typing import Array, M, Seed, Value


class Cell(Module, ABC):
    """One recurrent layer, run in one direction: ``(T, B, m) -> (T, B, n)``.

    Integers ``(T, B)`` are read as one-hot rows, ``(T, B, m)``.

    States are ``(T, 2, B, n)`` in the complex field, and so is the input of a cell with
    ``complex_input``, the second of two layers. A subclass makes its parameters with `parameter` and
    keeps them in attributes, as it does its `parametrization` (see `unitarygraph.Module`).
    """

    #: what makes the recurrent matrix, None for a cell whose matrix is a parameter
    parametrization: Any = None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        field: str = "real",
        *,
        complex_input: bool = False,
        dtype: Any = None,
        prefix: str = "",
    ) -> None:
        self.input_size, self.hidden_size, self.field = input_size, hidden_size, field
        self.complex_input = complex_input
        self.dtype = dtype or pytensor.config.floatX
        self.prefix = prefix

    def __call__(self, x: M, mask: Value | None = None) -> M:
        """States of all steps; where ``mask`` (T, B) is 0 the state stands still.

        Complex where x is, else plain tensors: `unitarygraph.as_complex` says that they are stacked.
        """
        return result_like(self.run(stored(x), mask), x)

    def outputs(self, x: Any, readout: Value, mask: Value | None = None) -> TensorVariable:
        """Real outputs of all steps, h U or [Re h; Im h] U, in the memory that the cell keeps to.

        Raises ValueError for a cell that keeps all states.
        """
        raise ValueError(f"{type(self).__name__}: keeps all states, memory must be 'all'")

    @abstractmethod
    def run(self, x: TensorVariable, mask: Value | None = None) -> TensorVariable:
        """What a call computes, of a plain x as stored."""

    def parameter(
        self, name: str, value: Any, manifold: Manifold | None = None, group: str | None = None
    ) -> Any:
        """A parameter of the cell's dtype, called ``prefix + name``, to be kept in an attribute."""
        return parameter(np.asarray(value, self.dtype), manifold, self.prefix + name, group)

    def matrix(self) -> Array | None:
        """Current recurrent matrix as a NumPy array, None for a cell without parametrization."""
        return None if self.parametrization is None else self.parametrization.value()

    def start(self, x: TensorVariable, h0: Value | None = None) -> TensorVariable:
        """First states: zeros, or the learned ``(n,)`` or ``(2, n)`` h0 for every sample."""
        return first_state(x, self.hidden_size, self.field == "complex", h0, self.dtype)


class RecurrentCell(Cell):
    r"""h_t = f(h_{t-1} W + x_t V), W by a parametrization: the cell of the unitary lineage.

    Parameters
    ----------
    parametrization : W; its size and field are the cell's
    input_size : m
    activation : a name in `unitarygraph.nn.ACTIVATIONS`. modReLU has the trained bias b ``(n,)``
        in it; with others b ``(n,)`` or ``(2, n)`` is added to x V
    input_init : first value of V, a function ``(rng, (m, n), planes)`` (`unitarygraph.nn.initializers`)
    bias_range : b is drawn from U(-bias_range, bias_range)
    learned_start : whether h_0 is trained, from U(-s, s) with :math:`s^2 = 3/(2n)` (uRNN), or s as a
        number; else zero
    structured : True, one `apply` of the parametrization a step, all steps in one Op where it has one
        (`structured_recurrence`: `Givens`); False, W made once and all steps in one Op
        (`unitarygraph.recurrence`); None, what `prefers_structured_recurrence` of it says (where the
        steps are a scan `prefers_structure`), and False where ``memory`` asks for it
    memory : what `outputs` keeps of the states for the gradient, as in `unitarygraph.recurrence`;
        other than "all" it needs one of that function's activations. A call returns all states and
        keeps them
    complex_input, prefix : as `Cell`
    rng : NumPy Generator or seed, by default fresh entropy

    Parameters are called ``V``, ``b`` and ``h0``; those of W as the parametrization says. The attribute
    ``unroll`` is what runs all steps in one: `unitarygraph.recurrence`, or what takes its place.
    """

    def __init__(
        self,
        parametrization: Parametrization,
        input_size: int,
        *,
        activation: str = "modrelu",
        input_init: Callable[..., Array] = glorot_uniform,
        bias_range: float = 0.01,
        learned_start: bool | float = False,
        structured: bool | None = None,
        memory: str | int = "all",
        complex_input: bool = False,
        rng: Seed = None,
        prefix: str = "",
    ) -> None:
        n, field = parametrization.n, parametrization.field
        super().__init__(
            input_size,
            n,
            field,
            complex_input=complex_input,
            dtype=parametrization.dtype,
            prefix=prefix,
        )
        if activation not in ACTIVATIONS:
            raise ValueError(
                f"activation: expected one of {', '.join(ACTIVATIONS)}, got {activation!r}"
            )
        rng = np.random.default_rng(rng)
        self.activation = activation
        self.parametrization = parametrization
        if memory != "all" and (structured or activation not in RECURRENT):
            raise ValueError(
                f"memory={memory!r} needs all steps in one Op: an activation among "
                f"{', '.join(RECURRENT)} and no structured=True, got {activation!r} and "
                f"structured={structured}"
            )
        self.memory = checked_memory(memory, activation) if memory != "all" else memory
        if structured is None:
            at_once = activation in RECURRENT
            structured = memory == "all" and (
                parametrization.prefers_structured_recurrence()
                if at_once
                else parametrization.prefers_structure()
            )
        self.structured = structured
        self.unroll = recurrence
        planes = 2 if field == "complex" else 1
        lead = (2,) if planes == 2 else ()
        flat = Euclidean(field)
        self.input_weight = self.parameter("V", input_init(rng, (input_size, n), planes), flat)
        real_bias = activation == "modrelu"
        bias = rng.uniform(-bias_range, bias_range, (n,) if real_bias else (*lead, n))
        self.bias = self.parameter("b", bias, None if real_bias else flat)
        self.h0 = None
        if learned_start:
            scale = learned_start if isinstance(learned_start, float) else np.sqrt(3 / (2 * n))
            self.h0 = self.parameter("h0", rng.uniform(-scale, scale, (*lead, n)), flat)

    def outputs(self, x: Any, readout: Value, mask: Value | None = None) -> TensorVariable:
        if self.memory == "all":
            return super().outputs(x, readout, mask)
        W = self.parametrization.stored()
        drive, start, bias = self.given(stored(x))
        kept = {"memory": self.memory, "readout": readout}
        return recurrence(drive, W, start, bias, self.activation, mask, **kept)

    def given(self, x: TensorVariable) -> tuple[Any, Any, Any]:
        """Drive, first state and the bias within the activation."""
        drive = drive_of(x, plain(self.input_weight))
        bias = self.bias
        if self.activation != "modrelu":
            drive, bias = drive + pt.expand_dims(plain(bias), -2), None
        return drive, self.start(x, self.h0), bias

    def run(self, x: TensorVariable, mask: Value | None = None) -> TensorVariable:
        drive, start, bias = self.given(x)
        if self.activation in RECURRENT:
            if not self.structured:
                W = self.parametrization.stored()
                return self.unroll(drive, W, start, bias, activation=self.activation, mask=mask)
            given = (drive, start, bias, self.activation, mask)
            states = self.parametrization.structured_recurrence(*given)
            if states is not None:
                return states
        matrices = self.parametrization.matrices
        W = [] if self.structured else [self.parametrization.stored()]

        def step(drive_t, h, *fixed):
            turned = matrices.matmul(h, fixed[0]) if W else self.parametrization.apply(h)
            return activate(self.activation, turned + drive_t, bias, self.field)

        return run_steps(step, [drive], [start], W, mask)[0]
