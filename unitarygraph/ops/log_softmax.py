"""Logarithm of the softmax over the last axis, for losses over classes at every time step."""

import numpy as np
import pytensor.tensor as pt

from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.core.tangents import is_connected, sum_or_disconnected


class LogSoftmax(MatrixOp):
    r""":math:`y = x - \log \sum_c e^{x_c}` over the last axis, ``(..., c) -> (..., c)``.

    In place of PyTensor's own, which compiles for six seconds and reduces short axes slowly.
    """

    title = "log_softmax"
    arguments = ("x",)
    signature = "R(c)->R(c)"
    entrywise = True

    def compute(self, inputs, outputs):
        # Classes first: they are few, and the long axes are those to run along.
        x = np.moveaxis(inputs[0], -1, 0).copy()
        if x.size:
            x -= x.max(axis=0)
            x -= np.log(np.exp(x).sum(axis=0))
            outputs[0][...] = np.moveaxis(x, 0, -1)

    def array(self, xp, x):
        x = x - xp.amax(x, -1)[..., None]
        return x - xp.log(xp.sum(xp.exp(x), -1))[..., None]

    def pullback(self, inputs, outputs, cotangents):
        return [LogSoftmaxGrad(self.field)(outputs[0], cotangents[0])]

    def pushforward(self, inputs, outputs, tangents):
        (dx,) = tangents
        return [dx - pt.sum(pt.exp(outputs[0]) * dx, axis=-1, keepdims=True)]


class LogSoftmaxGrad(MatrixOp):
    r"""Adjoint, from y = log softmax x: :math:`\bar x = \bar y - e^y \sum_c \bar y_c`."""

    title = "log_softmax"
    arguments = ("y", "y_bar")
    signature = "R(c),R(c)->R(c)"
    entrywise = True

    def compute(self, inputs, outputs):
        y, y_bar = (np.moveaxis(a, -1, 0) for a in inputs)
        x_bar = y.copy()
        np.exp(x_bar, out=x_bar)
        x_bar *= y_bar.copy().sum(axis=0)
        outputs[0][...] = inputs[1]
        outputs[0][...] -= np.moveaxis(x_bar, 0, -1)

    def array(self, xp, y, y_bar):
        return y_bar - xp.exp(y) * xp.sum(y_bar, -1)[..., None]

    def pullback(self, inputs, outputs, cotangents):
        y, y_bar = inputs
        (g,) = cotangents
        p = pt.exp(y)
        along = pt.sum(p * g, axis=-1, keepdims=True)
        return [-p * g * pt.sum(y_bar, axis=-1, keepdims=True), g - along]

    def pushforward(self, inputs, outputs, tangents):
        y, y_bar = inputs
        dy, dg = tangents
        p = pt.exp(y)
        terms = []
        if is_connected(dg):
            terms.append(dg - p * pt.sum(dg, axis=-1, keepdims=True))
        if is_connected(dy):
            terms.append(-p * dy * pt.sum(y_bar, axis=-1, keepdims=True))
        return [sum_or_disconnected(terms)]


def log_softmax(x):
    r""":math:`x - \log \sum_c e^{x_c}` over the last axis: ``(..., c) -> (..., c)``.

    float32 or float64, and the dtype of x. The largest entry is taken out first, so nothing
    overflows. Gradients of any order; NaN makes its row NaN. TypeError for other dtypes.
    """
    return LogSoftmax("real")(x)
