"""The recurrence h_t = f(h_{t-1} W + drive_t): all time steps in one Op."""

from typing import Any

import pytensor.tensor as pt
from pytensor.gradient import disconnected_type, pushforward
from pytensor.graph.basic import Apply

from unitarygraph.core.layout import is_complex, plain, storage
from unitarygraph.core.tangents import empty_constant, in_dtype_of, is_connected, on_views
from unitarygraph.ops.activations import RECURRENT
from unitarygraph.ops.recurrence.array import forward
from unitarygraph.ops.recurrence.base import MatrixStepsOp, check_dtypes
from unitarygraph.ops.recurrence.checkpointed import CheckpointedRecurrence
from unitarygraph.ops.recurrence.grad import RecurrenceGrad
from unitarygraph.ops.recurrence.memory import checked_memory
from unitarygraph.ops.recurrence.scan import read_out, recurrence_scan
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
    memory: str | int = "all",
    readout: Value | None = None,
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
    readout   ``(2n, k)``         ``(n, k)``
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
    memory
        What is kept for the gradient. ``"all"``: all states. An integer k: the state after every k-th
        step, from which the k states to the next are computed again; ``"sqrt"``: k the root of T, so
        that memory grows as the root of T and time by a third. ``"invert"``: the state after every
        256th step, less than with the root for T from 1,200 to 220,000: states are run backward,
        :math:`h_{t-1} = (f^{-1}(h_t) - \text{drive}_t) W^H`, from one checkpoint to the one before,
        and where they miss it by more than rounding (or W is not unitary, or a bias of the modReLU
        negative) computed again from there. Others than ``"all"`` need ``states="last"`` or a
        ``readout``: all states are what they do not keep.
    readout
        A real matrix U. The result is not states but outputs of all steps, :math:`[\Re h_t; \Im h_t]
        U` or :math:`h_t U`: ``(T, B, k)``.

    Raises
    ------
    ValueError
        For an unknown name, a bias with no use, modReLU without one, a complex drive or h0 where W
        is real, ``memory`` where all states are the result, ``"invert"`` of relu or tanh, or shapes that
        disagree; when the graph is built if the shapes are known then, else at run time.
    TypeError
        For dtypes that are mixed or not floating point, and for a complex bias.

    Notes
    -----
    Gradients to drive, W, h0 and bias run backward through all steps in one Op as well; higher
    derivatives and those forward are graphs of `pytensor.scan`, right and slower, and need T >= 1; they
    keep what scan keeps, whatever ``memory`` says.

    With every ``memory`` two arrays of size T remain: the drive, which the caller gives, and its
    cotangent where it, or what it is made of, is asked for. In graphs for PyTensor's CPU modes the
    second takes the place of the first where nobody else reads that (``"invert"`` then keeps a copy of
    256 steps, to be able to go back). Gradients are those of ``"all"``: bit for bit for a last state in
    the CPU modes when states are computed again; to rounding where there is a readout, where states are
    run backward, and on JAX and PyTorch, which compute "invert" by checkpoints as well.

    Source of the checkpoints: Chen, Xu, Zhang and Guestrin, "Training deep nets with sublinear memory
    cost" (2016); of running backward: Gomez et al., "The reversible residual network" (2017).
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
    memory = checked_memory(memory, activation)
    if memory != "all" and states == "all" and readout is None:
        raise ValueError(
            f"recurrence: memory={memory!r} does not keep all states, so states must be 'last' or a "
            "readout be given, got states='all'"
        )
    if states == "last" and readout is not None:
        raise ValueError("recurrence: a readout is of all steps, got states='last'")
    require_real("recurrence", bias=bias, mask=mask, readout=readout)
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
    op: Any
    reads = readout is not None
    U = stored_readout(readout, W) if reads else empty_constant(W.type.ndim, drive.type.dtype)
    if memory == "all":
        op = Recurrence(field, activation, masked)
        found = op(drive, W, h0, bias, mask)[STATES[states]]
        if reads:
            return read_out(found, U)
    else:
        op = CheckpointedRecurrence(field, activation, masked, memory, reads)
        read, found, _ = op(drive, W, h0, bias, mask, U)
        if reads:
            return read
    return mark(found) if complex_names else found


def stored_readout(readout, W):
    """A readout ``(2n, k)`` as planes ``(2, n, k)`` where W is complex; ``(n, k)`` as it is."""
    readout = pt.as_tensor_variable(readout)
    planes = W.type.ndim - 1
    n = W.type.shape[-1]
    rows = readout.type.shape[0] if readout.type.ndim == 2 else None
    if readout.type.ndim != 2 or (None not in (rows, n) and rows != planes * n):
        raise ValueError(
            f"recurrence: readout must be {'(2n, k)' if planes == 2 else '(n, k)'} with n = {n}, got "
            f"shape {readout.type.shape}"
        )
    if planes == 1:
        return readout
    k = readout.type.shape[1]
    return pt.reshape(
        readout, (2, W.shape[-1] if n is None else n, readout.shape[1] if k is None else k)
    )


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
        check_dtypes({k: v.type.dtype for k, v in zip(NAMES, inputs, strict=True)})
        sizes = self.sizes([v.type.shape for v in inputs])
        outputs = [
            pt.tensor(dtype=inputs[0].type.dtype, shape=shape) for shape in self.shapes_out(sizes)
        ]
        return Apply(self, inputs, outputs)

    @property
    def axes_out(self):
        given = self.axes_in
        return {"states": given["drive"], "last": given["h0"], "moduli": self.moduli}

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
