"""The recurrence h_t = f(h_{t-1} W + drive_t): all time steps in one Op."""

from typing import Any

import pytensor.tensor as pt
from pytensor.gradient import disconnected_type, pushforward
from pytensor.graph.basic import Apply

from unitarygraph.core.layout import is_complex, plain, storage
from unitarygraph.core.tangents import empty_constant, in_dtype_of, is_connected, on_views
from unitarygraph.ops.activations import RECURRENT
from unitarygraph.ops.recurrence.array import forward
from unitarygraph.ops.recurrence.base import MatrixStepsOp
from unitarygraph.ops.recurrence.grad import RecurrenceGrad
from unitarygraph.ops.recurrence.scan import recurrence_scan
from unitarygraph.stacked.operands import require_real
from unitarygraph.stacked.typing import Value
from unitarygraph.stacked.variables import mark

NAMES = ("drive", "W", "h0", "bias", "mask")
STATES = {"all": 0, "last": 1}


def recurrence(
    drive: Value,
    W: Value,
    h0: Value,
    bias: Value | None = None,
    activation: str = "modrelu",
    mask: Value | None = None,
    states: str = "all",
) -> Any:
    r"""States of :math:`h_t = f(h_{t-1} W + \text{drive}_t)`, t = 1 ... T, h a row vector a sample.

    ========  ==================  ===============
    argument  complex             real
    ========  ==================  ===============
    drive     ``(T, 2, B, n)``    ``(T, B, n)``
    W         ``(2, n, n)``       ``(n, n)``
    h0        ``(2, B, n)``       ``(B, n)``
    bias      ``(n,)``            ``(n,)``
    mask      ``(T, B)``          ``(T, B)``
    result    ``(T, 2, B, n)``    ``(T, B, n)``, or without T for ``states="last"``
    ========  ==================  ===============

    W decides the field: a complex variable or NumPy array, or three axes. The result is a complex
    variable if drive, W or h0 is one or a NumPy complex array, else the plain tensor. One dtype for all,
    float32 or float64 (complex64, complex128), is the result's.

    Parameters
    ----------
    activation
        ``"modrelu"`` (see `unitarygraph.ops.activations.modrelu`), the one that reads ``bias``;
        ``"relu"``, ``"leaky_relu"`` (slope 0.1) or ``"tanh"``, of real and imaginary part apart;
        ``"identity"``. An additive
        bias of these belongs into ``drive``.
    mask
        Booleans or numbers; where 0, the state is carried over unchanged, so that the last state of
        a short sequence is its state at its own end. ``drive`` may hold anything there. No gradient.
    states
        ``"all"``, or ``"last"`` for the last state alone (``h0`` if T = 0), whose gradient needs no
        array of cotangents for all steps.

    Raises
    ------
    ValueError
        For an unknown name, a bias with no use, modReLU without one, a complex drive or h0 where W
        is real, or shapes that disagree; when the graph is built if the shapes are known then, else at
        run time.
    TypeError
        For dtypes that are mixed or not floating point, and for a complex bias.

    Notes
    -----
    Gradients to drive, W, h0 and bias run backward through all steps in one Op as well; higher
    derivatives and those forward are graphs of `pytensor.scan`, right and slower, and need T >= 1.
    """
    if activation not in RECURRENT:
        raise ValueError(
            f"recurrence: activation must be one of {', '.join(RECURRENT)}, got {activation!r}"
        )
    if states not in STATES:
        raise ValueError(f"recurrence: states must be 'all' or 'last', got {states!r}")
    if (bias is None) == RECURRENT[activation].biased:
        raise ValueError(
            "recurrence: activation 'modrelu' needs a bias (n,), got None"
            if bias is None
            else f"recurrence: bias is the modReLU's; for {activation!r} add it to drive"
        )
    require_real("recurrence", bias=bias, mask=mask)
    complex_names = [
        name for name, x in {"drive": drive, "W": W, "h0": h0}.items() if is_complex(x)
    ]
    drive, W, h0 = (pt.as_tensor_variable(storage(x)) for x in (drive, W, h0))
    bias = empty_constant(1, drive.type.dtype) if bias is None else bias
    masked = mask is not None
    mask = pt.neq(mask, 0) if masked else empty_constant(2, "bool")
    if W.type.ndim not in (2, 3):
        raise ValueError(
            f"recurrence: W must be (2, n, n) or, real, (n, n), got shape {W.type.shape}"
        )
    field = "complex" if W.type.ndim == 3 else "real"
    if complex_names and field == "real":
        raise ValueError(
            f"recurrence: {complex_names[0]} is complex, so W must be, got a real one of shape "
            f"{W.type.shape}: write unitarygraph.complex(W)"
        )
    found: Any = Recurrence(field, activation, masked)(drive, W, h0, bias, mask)
    found = found[STATES[states]]
    return mark(found) if complex_names else found


class Recurrence(MatrixStepsOp):
    """`recurrence` with inputs ``(drive, W, h0, bias, mask)``, the absent ones empty.

    Outputs: all states, the last state, and for the complex modReLU the moduli ``(T, B, n)`` that
    the backward pass reads (else an empty array). Formula, shapes and errors as there.
    """

    __props__ = ("field", "activation", "masked", "inplace")

    def __init__(self, field, activation, masked, inplace=False):
        self.field = field
        self.activation = activation
        self.masked = masked
        self.inplace = inplace
        if inplace:
            # The states take the place of the drive, each step's after it was read.
            self.destroy_map = {0: [0]}

    def make_node(self, *inputs):
        inputs = [pt.as_tensor_variable(plain(v)) for v in inputs]
        self._check_dtypes({k: v.type.dtype for k, v in zip(NAMES, inputs, strict=True)})
        sizes = self.sizes([v.type.shape for v in inputs])
        outputs = [
            pt.tensor(dtype=inputs[0].type.dtype, shape=shape) for shape in self.shapes_out(sizes)
        ]
        return Apply(self, inputs, outputs)

    @property
    def axes_out(self):
        given = self.axes_in
        return {"states": given["drive"], "last": given["h0"], "moduli": self.moduli}

    def _check_dtypes(self, dtypes):
        if dtypes.pop("mask") != "bool":
            raise TypeError("recurrence: mask must be bool inside the Op")
        if set(dtypes.values()) not in ({"float32"}, {"float64"}):
            raise TypeError(
                "recurrence: drive, W, h0 and bias must have one dtype, float32 or float64, got "
                + ", ".join(dtypes.values())
            )

    def fill(self, inputs, outputs):
        from unitarygraph.kernels import recurrence

        recurrence.forward(self.field, self.activation, *inputs, *outputs)

    def array(self, xp, *inputs):
        """Outputs over an array namespace, in a loop over time."""
        return forward(xp, self, *inputs)

    def connection_pattern(self, node):
        differentiable = (True, True, True, self.biased, False)
        return [[d, d, False] for d in differentiable]

    def pullback(self, inputs, outputs, cotangents):
        """Backpropagation through time, `RecurrenceGrad`."""
        states, last, moduli = outputs
        given = [is_connected(c) for c in cotangents[:2]]
        bars = [
            in_dtype_of(x, c) if there else empty_constant(x.type.ndim, x.type.dtype)
            for c, x, there in zip(cotangents, (states, last), given, strict=False)
        ]
        backward = RecurrenceGrad(self.field, self.activation, self.masked, *given)
        drive_bar, W_bar, h0_bar, bias_bar = backward(*inputs, states, moduli, *bars)
        bias_bar = bias_bar if self.biased else disconnected_type()
        return [drive_bar, W_bar, h0_bar, bias_bar, disconnected_type()]

    def pushforward(self, inputs, outputs, tangents):
        """Pushforward of the scan reference."""
        count = 4 if self.biased else 3
        moving = [i for i in range(count) if is_connected(tangents[i])]
        if not moving:
            return [disconnected_type() for _ in outputs]

        def dots(*variables):
            copies, directions = variables[: len(inputs)], variables[len(inputs) :]
            drive, W, h0, bias, mask = copies
            states = recurrence_scan(
                drive,
                W,
                h0,
                bias if count == 4 else None,
                self.activation,
                mask if self.masked else None,
            )
            return pushforward(states, [copies[i] for i in moving], list(directions))

        dot = on_views(dots, [*inputs, *(in_dtype_of(inputs[i], tangents[i]) for i in moving)])
        return [dot, dot[-1], disconnected_type()]
