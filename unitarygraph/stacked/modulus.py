"""Modulus and Frobenius norm as Ops: graphs of squares lose tiny and huge values to rewrites."""

import numpy as np
import pytensor.tensor as pt

from unitarygraph.stacked.blas import frobenius_norm
from unitarygraph.stacked.matrix_op import MatrixOp


class Norm(MatrixOp):
    r"""Frobenius norm, ``(..., 2, m, n) -> (...)``; adjoint :math:`\bar A = \bar r A / r`, 0 at 0."""

    title = "norm"
    arguments = ("A",)
    signature = "F(m,n)->R()"

    def matrix(self, a):
        size = np.abs(a).max(initial=0)
        return size * a.real.dtype.type(frobenius_norm(a / size)) if size > 0 else size

    def pullback(self, inputs, outputs, cotangents):
        axes = self.slots[0][0].ndim
        factor = pt.shape_padright(cotangents[0], axes)
        return [unit(inputs[0], pt.shape_padright(outputs[0], axes)) * factor]

    def pushforward(self, inputs, outputs, tangents):
        axes = self.slots[0][0].ndim
        direction = unit(inputs[0], pt.shape_padright(outputs[0], axes))
        return [(direction * tangents[0]).sum(axis=list(range(-axes, 0)))]


class Modulus(MatrixOp):
    r"""Entries' modulus, ``(..., 2, m, n) -> (..., m, n)``; adjoint :math:`\bar r A / |A|`, 0 at 0."""

    title = "abs"
    arguments = ("A",)
    signature = "F(m,n)->R(m,n)"

    def compute(self, inputs, outputs):
        np.hypot(inputs[0][..., 0, :, :], inputs[0][..., 1, :, :], out=outputs[0])

    def pullback(self, inputs, outputs, cotangents):
        r = pt.expand_dims(outputs[0], -3)
        return [unit(inputs[0], r) * pt.expand_dims(cotangents[0], -3)]

    def pushforward(self, inputs, outputs, tangents):
        return [(unit(inputs[0], pt.expand_dims(outputs[0], -3)) * tangents[0]).sum(axis=-3)]


def unit(a, r):
    """a / r, and 0 where r = 0."""
    zero = pt.eq(r, 0)
    return pt.switch(zero, pt.zeros_like(a), a / pt.switch(zero, pt.ones_like(r), r))
