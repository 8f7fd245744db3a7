"""Conjugate transpose and product as Ops, so that rewrites can recognise them."""

import numpy as np

from unitarygraph.stacked.blas import product
from unitarygraph.stacked.layout import to_complex
from unitarygraph.stacked.matrix_op import MatrixOp
from unitarygraph.stacked.tangents import is_connected, sum_or_disconnected


class HConj(MatrixOp):
    """Conjugate transpose, ``(..., 2, m, n) -> (..., 2, n, m)``; in the real field the transpose."""

    title = "hconj"
    arguments = ("A",)
    signature = "F(m,n)->F(n,m)"

    def compute(self, inputs, outputs):
        (a,), (out,) = inputs, outputs
        out[...] = np.swapaxes(a, -1, -2)
        if self.field == "complex":
            np.negative(out[..., 1, :, :], out=out[..., 1, :, :])

    def pullback(self, inputs, outputs, cotangents):
        return [self(cotangents[0])]

    def pushforward(self, inputs, outputs, tangents):
        return [self(tangents[0])]


class MatMul(MatrixOp):
    r"""Matrix product, ``(..., 2, m, k), (..., 2, k, n) -> (..., 2, m, n)``.

    Adjoint: :math:`\bar A = \bar C B^H`, :math:`\bar B = A^H \bar C`.
    """

    title = "matmul"
    arguments = ("A", "B")
    signature = "F(m,k),F(k,n)->F(m,n)"

    def compute(self, inputs, outputs):
        if self.field == "complex":
            c = products(to_complex(inputs[0]), to_complex(inputs[1]))
            outputs[0][..., 0, :, :], outputs[0][..., 1, :, :] = c.real, c.imag
        else:
            outputs[0][...] = products(*inputs)

    def pullback(self, inputs, outputs, cotangents):
        a, b = inputs
        (c_bar,) = cotangents
        hconj = HConj(self.field)
        return [self(c_bar, hconj(b)), self(hconj(a), c_bar)]

    def pushforward(self, inputs, outputs, tangents):
        a, b = inputs
        terms = [
            self(*pair)
            for pair, tangent in (((tangents[0], b), tangents[0]), ((a, tangents[1]), tangents[1]))
            if is_connected(tangent)
        ]
        return [sum_or_disconnected(terms)]


# Up to this many multiplications OpenBLAS starts no threads, and NumPy's call is the shorter one.
SMALL = 64**3


def products(a, b):
    """A B for two arrays of matrices with the same leading axes."""
    if a[:1].size == 0 or a.shape[-2] * a.shape[-1] * b.shape[-1] <= SMALL:
        return a @ b
    if a.ndim == 2:
        return product(a, b)
    return np.stack([products(x, y) for x, y in zip(a, b, strict=True)])
