"""The recurrent layer that the lineage shares: one matrix product a step and a nonlinearity."""

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph.ops.recurrence import recurrence
from unitarygraph.stacked.operands import result_like, stored
from unitarygraph.stacked.typing import Value

#: features from which on a product with half of it thrown away costs more than a copy of its result
WIDE = 32


def drive_of(x: Value, weight: Value) -> Any:
    """Input to all steps, x V: ``(T, B, m)`` and a real weight V ``(m, n)`` give ``(T, B, n)``.

    A stacked weight ``(2, m, n)`` gives the stacked ``(T, 2, B, n)`` of a real x, or of a stacked
    x ``(T, 2, B, m)``. Integers x ``(T, B)`` stand for one-hot rows: row x of V is read. A complex
    variable among the arguments gives a complex variable.

    Raises ValueError for an x of another rank, TypeError for one of another dtype than V's.
    """
    return result_like(_drive(stored(x), stored(weight)), x, weight)


def _drive(x, weight):
    check_inputs(x, weight.type.ndim == 3, weight.type.dtype)
    if is_index(x):
        return weight[x] if weight.type.ndim == 2 else weight[:, x].transpose(1, 0, 2, 3)
    if weight.type.ndim == 2:
        return pt.tensordot(x, weight, axes=[[2], [0]])
    if x.type.ndim == 4:
        # [x_re, x_im] [[V_re, V_im], [-V_im, V_re]] in one product, planes side by side.
        T, _, B, m = (x.shape[i] if s is None else s for i, s in enumerate(x.type.shape))
        n = weight.shape[2] if weight.type.shape[2] is None else weight.type.shape[2]
        rows = pt.reshape(x.transpose(0, 2, 1, 3), (T, B, 2 * m))
        upper = pt.concatenate([weight[0], weight[1]], axis=1)
        lower = pt.concatenate([-weight[1], weight[0]], axis=1)
        both = pt.tensordot(rows, pt.concatenate([upper, lower]), axes=[[2], [0]])
        return pt.reshape(both, (T, B, 2, n)).transpose(0, 2, 1, 3)
    if (weight.type.shape[1] or 0) > WIDE:
        return pt.stack([pt.tensordot(x, weight[k], axes=[[2], [0]]) for k in (0, 1)], axis=1)
    # [[x, 0], [0, x]] [V_re; V_im] writes both planes in one product; to stack two results would
    # copy them, arrays of all steps. It has zeros to multiply, and so pays for narrow x.
    T, B, m = (x.shape[i] if size is None else size for i, size in enumerate(x.type.shape))
    planes = np.eye(2, dtype=x.type.dtype)[:, None, :, None]
    doubled = pt.reshape(x[:, None, :, None, :] * planes, (T, 2, B, 2 * m))
    return pt.tensordot(doubled, stacked_rows(weight), axes=[[3], [0]])


def is_index(x):
    """Whether x holds integers, the places of the ones in one-hot rows."""
    return x.type.dtype.startswith(("int", "uint"))


def check_inputs(x, complex_state, dtype):
    """Raise ValueError or TypeError for an x that no recurrent layer reads."""
    ranks = {2: "(T, B) of integers"} if is_index(x) else {3: "(T, B, m)"}
    if complex_state and not is_index(x):
        ranks[4] = "stacked (T, 2, B, m)"
    if x.type.ndim not in ranks:
        raise ValueError(
            f"x must be {' or '.join(ranks.values())}, got shape {x.type.shape} of {x.type.dtype}"
        )
    if not is_index(x) and x.type.dtype != dtype:
        raise TypeError(f"x must be {dtype} as the parameters are, or integers, got {x.type.dtype}")


def stacked_rows(a):
    """The planes of ``(2, m, n)`` one above the other, ``(2m, n)``."""
    m, n = (a.shape[i] if a.type.shape[i] is None else a.type.shape[i] for i in (1, 2))
    return pt.reshape(a, (2 * m, n))


def recurrent(
    x: Value,
    V: Value,
    W: Value,
    h0: Value | None = None,
    bias: Value | None = None,
    activation: str = "modrelu",
    mask: Value | None = None,
    states: str = "all",
    memory: str | int = "all",
    readout: Value | None = None,
) -> Any:
    r"""States of :math:`h_t = f(h_{t-1} W + x_t V)`: ``(T, B, m) -> (T, B, n)`` or ``(T, 2, B, n)``.

    Parameters
    ----------
    x : inputs ``(T, B, m)``, or integers ``(T, B)`` from 0 to m - 1 for one-hot rows, so that x_t V is
        the row x_t of V
    V : input weight, ``(2, m, n)`` complex or ``(m, n)`` real
    W : recurrent matrix ``(2, n, n)`` or ``(n, n)``
    h0 : one initial state for all samples, ``(2, n)`` or ``(n,)``, or one for each, ``(2, B, n)`` or
        ``(B, n)``; by default zero
    bias : of modReLU, ``(n,)``, by default zero
    activation, mask, states, memory, readout : as in `unitarygraph.recurrence`

    Complex variables among x, V, W and h0 give complex states; what a readout gives is real.

    Raises ValueError for an x or h0 of another rank, TypeError for one of another dtype, and as
    `unitarygraph.recurrence`.
    """
    plain_V, plain_x = stored(V), stored(x)
    if plain_V.type.ndim not in (2, 3):
        raise ValueError(f"V must be (2, m, n) or, real, (m, n), got {plain_V.type.shape}")
    drive = _drive(plain_x, plain_V)
    n = plain_V.shape[-1] if plain_V.type.shape[-1] is None else plain_V.type.shape[-1]
    start = first_state(plain_x, n, plain_V.type.ndim == 3, h0, drive.type.dtype)
    if bias is None and activation == "modrelu":
        bias = pt.zeros((n,), dtype=drive.type.dtype)
    found = recurrence(
        drive,
        stored(W),
        start,
        bias,
        activation,
        mask,
        states=states,
        memory=memory,
        readout=readout,
    )
    given = [a for a in (x, V, W, h0) if a is not None]
    return found if readout is not None else result_like(found, *given)


def first_state(x, n, complex_state, h0=None, dtype=None):
    """State before the first step, ``(B, n)`` or ``(2, B, n)``: zeros, or h0 for all samples.

    ``x`` is ``(T, B, m)``, ``(T, 2, B, m)`` or integers ``(T, B)``, h0 ``(n,)`` or ``(2, n)``, or
    ``(B, n)`` or ``(2, B, n)`` for each sample its own; zeros are of x's dtype unless another is given.
    """
    # The batch may be known from x alone: its static length spares backends a symbolic shape.
    axis = -1 if is_index(x) else -2
    batch = x.shape[axis] if x.type.shape[axis] is None else x.type.shape[axis]
    shape = (2, batch, n) if complex_state else (batch, n)
    if h0 is None:
        return pt.zeros(shape, dtype=dtype or x.type.dtype)
    h0 = stored(h0)
    if h0.type.ndim == len(shape):
        return h0
    if h0.type.ndim != len(shape) - 1:
        one, each = ("(2, n)", "(2, B, n)") if complex_state else ("(n,)", "(B, n)")
        raise ValueError(f"h0 must be {one} or {each}, got shape {h0.type.shape}")
    return pt.broadcast_to(pt.expand_dims(h0, -2), shape)


def readout(states: Value, weight: Value, bias: Value) -> TensorVariable:
    r"""Real outputs of all steps, [Re h; Im h] U + c or h U + c: ``(T, B, output_size)``.

    ``states`` as `recurrent` returns them, complex or stacked; weight ``(2n, k)`` for complex states,
    ``(n, k)`` for real ones; bias ``(k,)``. Source: Arjovsky, Shah and Bengio (2016), section 4.
    """
    states = stored(states)
    if states.type.ndim == 3:
        return pt.tensordot(states, weight, axes=[[2], [0]]) + bias
    if (weight.type.shape[1] or 0) > WIDE:
        half = weight.shape[0] // 2 if weight.type.shape[0] is None else weight.type.shape[0] // 2
        planes = (states[:, 0], weight[:half]), (states[:, 1], weight[half:])
        return sum(pt.tensordot(h, U, axes=[[2], [0]]) for h, U in planes) + bias
    # h [U_re | U_im], of which the real plane's first half and the imaginary plane's second count:
    # the product reads the states as they lie, where to join the planes would copy them.
    n, k = (weight.shape[i] if size is None else size for i, size in enumerate(weight.type.shape))
    halves = pt.reshape(weight, (2, n // 2, k)).transpose(1, 0, 2).reshape((n // 2, 2 * k))
    both = pt.tensordot(states, halves, axes=[[3], [0]])
    T, _, B, _ = (states.shape[i] if s is None else s for i, s in enumerate(states.type.shape))
    parts = np.eye(2, dtype=states.type.dtype)[:, None, :, None]
    return pt.sum(pt.reshape(both, (T, 2, B, 2, k)) * parts, axis=(1, 3)) + bias
