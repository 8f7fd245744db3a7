"""Gradient of the diagonal recurrence in its eigenvalues: one sum over all steps and samples."""

from typing import ClassVar

import pytensor.tensor as pt
from pytensor.gradient import disconnected_type
from pytensor.graph.basic import Apply

from unitarygraph.core.tangents import is_connected, sum_or_disconnected
from unitarygraph.ops.recurrence.base import StepsOp
from unitarygraph.stacked.functions import conj, mul


class DiagonalOverlap(StepsOp):
    r""":math:`\sum_{t, b} \overline{h_{t-1, b}} \circ p_{t, b}` over the t where the mask is 1.

    Inputs ``(states, h0, p, mask)``: ``(T, 2, B, n)``, ``(2, B, n)``, ``(T, 2, B, n)``, ``(T, B)``,
    the mask empty unless ``masked``; result ``(2, n)``. With ``reverse`` it is h of step t + 1 that
    meets p, h0 following the last. In place of an array of products, which takes longer to write
    than the recurrence to run; the sum over steps runs in double precision.
    """

    __props__ = ("masked", "reverse")
    title = "diagonal_recurrence"
    public = False
    axes_in: ClassVar = {
        "states": ("T", 2, "B", "n"),
        "h0": (2, "B", "n"),
        "p": ("T", 2, "B", "n"),
        "mask": ("T", "B"),
    }
    axes_out: ClassVar = {"eigenvalues_bar": (2, "n")}

    def __init__(self, masked, reverse=False):
        self.masked = masked
        self.reverse = reverse

    def make_node(self, *inputs):
        inputs = [pt.as_tensor_variable(v) for v in inputs]
        states = inputs[0].type
        return Apply(self, inputs, [pt.tensor(dtype=states.dtype, shape=(2, states.shape[-1]))])

    @property
    def absent(self):
        return () if self.masked else ("mask",)

    def fill(self, inputs, outputs):
        from unitarygraph.kernels.diagonal_recurrence import overlap

        overlap(self.reverse, *inputs, *outputs)

    def connection_pattern(self, node):
        return [[True], [True], [True], [False]]

    def pullback(self, inputs, outputs, cotangents):
        """By g: conj(g) o p goes to the states before, g o h to p."""
        states, h0, p, mask = inputs
        g = cotangents[0].astype(outputs[0].type.dtype)[:, None, :]
        before = self._masked(mul(p, conj(g)), mask)
        # The last state of all is read by no step.
        nobody = pt.zeros_like(before[:1])
        ends = [nobody, before[:-1]] if self.reverse else [before[1:], nobody]
        h0_bar = before[slice(-1, None) if self.reverse else slice(None, 1)].sum(axis=0)
        p_bar = self._masked(mul(states_before(states, h0, self.reverse), g), mask)
        return [pt.concatenate(ends, axis=0), h0_bar, p_bar, disconnected_type()]

    def pushforward(self, inputs, outputs, tangents):
        """Bilinear in (states, h0) and p."""
        states, h0, p, mask = inputs
        s_dot, h_dot, p_dot = (t if is_connected(t) else None for t in tangents[:3])
        terms = []
        if s_dot is not None or h_dot is not None:
            s_dot = pt.zeros_like(states) if s_dot is None else s_dot
            h_dot = pt.zeros_like(h0) if h_dot is None else h_dot
            terms.append(self(s_dot, h_dot, p, mask))
        if p_dot is not None:
            terms.append(self(states, h0, p_dot, mask))
        return [sum_or_disconnected(terms)]

    def _masked(self, x, mask):
        return pt.switch(mask[:, None, :, None], x, 0) if self.masked else x


def states_before(states, h0, reverse=False):
    """The state that each step reads, ``(T, 2, B, n)``."""
    if reverse:
        return pt.concatenate([states, h0[None]], axis=0)[1:]
    return pt.concatenate([h0[None], states], axis=0)[:-1]
