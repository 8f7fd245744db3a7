"""The linear recurrence h_t = lambda o h_{t-1} + drive_t with a diagonal matrix."""

from typing import Any, ClassVar

import pytensor.tensor as pt
from pytensor.gradient import disconnected_type
from pytensor.graph.basic import Apply

from unitarygraph.core.layout import is_complex, storage
from unitarygraph.core.tangents import (
    empty_constant,
    fresh,
    in_dtype_of,
    is_connected,
    sum_or_disconnected,
)
from unitarygraph.ops.recurrence.base import StepsOp
from unitarygraph.ops.recurrence.diagonal_overlap import DiagonalOverlap, states_before
from unitarygraph.stacked.functions import conj, mul
from unitarygraph.stacked.operands import require_real
from unitarygraph.stacked.typing import Value
from unitarygraph.stacked.variables import mark


def diagonal_recurrence(
    drive: Value,
    eigenvalues: Value,
    h0: Value | None = None,
    mask: Value | None = None,
    reverse: bool = False,
) -> Any:
    r"""States of :math:`h_t = \lambda \circ h_{t-1} + \text{drive}_t`, t = 1 ... T, all complex.

    ===========  ==================
    argument     stacked shape
    ===========  ==================
    drive        ``(T, 2, B, n)``
    eigenvalues  ``(2, n)``
    h0           ``(2, B, n)``
    mask         ``(T, B)``
    result       ``(T, 2, B, n)``
    ===========  ==================

    The result is a complex variable if drive, eigenvalues or h0 is one or a NumPy complex array, else the
    plain tensor. One dtype for all, float32 or float64 (complex64, complex128), is the result's.

    O(T B n): each number is read and written once by the CPU's kernel; JAX and PyTorch run a parallel
    scan of logarithmic depth on accelerators (Blelloch, 1990), as the recurrence is linear.

    Parameters
    ----------
    h0
        By default zero.
    mask
        Booleans or numbers; where 0, the state is carried over unchanged, and ``drive`` may hold
        anything. No gradient.
    reverse
        Whether to run backward in time, :math:`h_t = \lambda \circ h_{t+1} + \text{drive}_t`, from h0
        after the last step.

    Raises
    ------
    ValueError
        For shapes that disagree; when the graph is built if they are known then, else at run time.
    TypeError
        For dtypes that are mixed or not floating point, and for a complex mask.

    Notes
    -----
    Gradients of any order: that of drive is the same recurrence in reversed time with the conjugate
    eigenvalues.
    """
    require_real("diagonal_recurrence", mask=mask)
    marked = any(map(is_complex, (drive, eigenvalues, h0)))
    drive, eigenvalues = (pt.as_tensor_variable(storage(x)) for x in (drive, eigenvalues))
    h0 = storage(h0)
    if h0 is None:
        if drive.type.ndim != 4:
            raise ValueError(
                f"diagonal_recurrence: drive must be (T, 2, B, n), got shape {drive.type.shape}"
            )
        B, n = (
            drive.shape[i] if drive.type.shape[i] is None else drive.type.shape[i] for i in (2, 3)
        )
        h0 = pt.zeros((2, B, n), dtype=drive.type.dtype)
    if mask is None:
        mask = empty_constant(2, "bool")
        states = DiagonalRecurrence(False, reverse)(drive, eigenvalues, h0, mask)
    else:
        mask = pt.neq(mask, 0)
        recurrence = DiagonalRecurrence(True, reverse)
        recurrence.make_node(drive, eigenvalues, h0, mask)  # refuses wrong shapes by their names
        drive = pt.switch(mask[:, None, :, None], drive, 0)
        states = recurrence(drive, eigenvalues, h0, mask)
    return mark(states) if marked else states


class DiagonalRecurrence(StepsOp):
    r""":math:`h_t = a_t \circ h_{t-1} + d_t`; with a mask :math:`a_t` is 1 where it is 0, else lambda.

    Inputs ``(drive, eigenvalues, h0, mask)``, the mask empty unless ``masked``; it decides about
    :math:`a_t` alone. With ``reverse`` time runs the other way: :math:`h_t = a_t h_{t+1} + d_t`, h0
    being the state after the last. Shapes and errors as `diagonal_recurrence`.
    """

    __props__ = ("masked", "reverse")
    title = "diagonal_recurrence"
    axes_in: ClassVar = {
        "drive": ("T", 2, "B", "n"),
        "eigenvalues": (2, "n"),
        "h0": (2, "B", "n"),
        "mask": ("T", "B"),
    }
    axes_out: ClassVar = {"states": ("T", 2, "B", "n")}

    def __init__(self, masked, reverse=False):
        self.masked = masked
        self.reverse = reverse

    def make_node(self, *inputs):
        inputs = [pt.as_tensor_variable(v) for v in inputs]
        dtypes = [v.type.dtype for v in inputs[:3]]
        if set(dtypes) not in ({"float32"}, {"float64"}):
            raise TypeError(
                "diagonal_recurrence: drive, eigenvalues and h0 must have one dtype, float32 or "
                f"float64, got {', '.join(dtypes)}"
            )
        if inputs[3].type.dtype != "bool":
            raise TypeError("diagonal_recurrence: mask must be bool inside the Op")
        (shape,) = self.shapes_out(self.sizes([v.type.shape for v in inputs]))
        return Apply(self, inputs, [pt.tensor(dtype=dtypes[0], shape=shape)])

    @property
    def absent(self):
        return () if self.masked else ("mask",)

    def fill(self, inputs, outputs):
        from unitarygraph.kernels.diagonal_recurrence import recurrence

        recurrence(self.reverse, *inputs, *outputs)

    def connection_pattern(self, node):
        return [[True], [True], [True], [False]]

    def pullback(self, inputs, outputs, cotangents):
        r"""With :math:`p_t = \bar h_t + \bar a_{t+1} p_{t+1}`, the same recurrence backward in time:

        .. math:: \bar d_t = p_t, \quad \bar h_0 = \bar a_1 p_1, \quad
                  \bar\lambda = \sum_t \overline{h_{t-1}} \circ p_t \text{ (where the mask is 1)}.
        """
        _, eigenvalues, h0, mask = inputs
        adjoint = conj(eigenvalues)
        p = DiagonalRecurrence(self.masked, not self.reverse)(
            in_dtype_of(outputs[0], cotangents[0]), adjoint, pt.zeros_like(h0), self._later(mask)
        )
        first = p[self._first]
        h0_bar = self._turn(first, adjoint, mask[self._first]).sum(axis=0)
        overlap = DiagonalOverlap(self.masked, self.reverse)(outputs[0], h0, p, mask)
        return [fresh(p), overlap, h0_bar, disconnected_type()]

    def pushforward(self, inputs, outputs, tangents):
        """The same recurrence, driven by the tangents."""
        _, eigenvalues, h0, mask = inputs
        d_dot, l_dot, h0_dot = (
            in_dtype_of(x, dot) if is_connected(dot) else None
            for dot, x in zip(tangents[:3], inputs[:3], strict=True)
        )
        terms = [] if d_dot is None else [d_dot]
        if l_dot is not None:
            step = mul(states_before(outputs[0], h0, self.reverse), l_dot[:, None, :])
            terms.append(pt.switch(mask[:, None, :, None], step, 0) if self.masked else step)
        if h0_dot is None:
            if not terms:
                return [disconnected_type()]
            h0_dot = pt.zeros_like(h0)
        drive = sum_or_disconnected(terms) if terms else pt.zeros_like(outputs[0])
        return [self(drive, eigenvalues, h0_dot, mask)]

    @property
    def _first(self):
        """The step that reads h0, none if T = 0."""
        return slice(-1, None) if self.reverse else slice(None, 1)

    def _later(self, mask):
        """The mask of the step that reads each state; of the last, which none reads, its own."""
        if not self.masked:
            return mask
        parts = [mask[:1], mask[:-1]] if self.reverse else [mask[1:], mask[-1:]]
        return pt.concatenate(parts, axis=0)

    def _turn(self, h, eigenvalues, mask):
        """What a step makes of states ``(t, 2, B, n)``."""
        turned = mul(h, eigenvalues[:, None, :])
        return pt.switch(mask[:, None, :, None], turned, h) if self.masked else turned
