"""Conjugate transpose, product and quotient as Ops: rewrites recognize them, and leave them whole."""

import numpy as np
import pytensor.tensor as pt

from unitarygraph.stacked.blas import SMALL, hconj_product, product, product_hconj
from unitarygraph.stacked.layout import from_planes, plane, plane_axis, to_complex
from unitarygraph.stacked.matrix_op import MatrixOp
from unitarygraph.stacked.tangents import fresh, is_connected, sum_or_disconnected


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

    With ``left`` A comes as its conjugate transpose, with ``right`` B does: rewrites use it, to save
    the transposes. Adjoint: :math:`\bar A = \bar C B^H`, :math:`\bar B = A^H \bar C`.
    """

    __props__ = ("field", "left", "right")
    title = "matmul"
    arguments = ("A", "B")

    def __init__(self, field="complex", left=False, right=False):
        self.left, self.right = left, right
        super().__init__(field)

    @property
    def signature(self):
        """Shapes, by what comes transposed."""
        return f"F({'k,m' if self.left else 'm,k'}),F({'n,k' if self.right else 'k,n'})->F(m,n)"

    def compute(self, inputs, outputs):
        if self.field == "complex":
            inputs = [to_complex(x) for x in inputs]
            c = products(*inputs, self.left, self.right)
            outputs[0][..., 0, :, :], outputs[0][..., 1, :, :] = c.real, c.imag
        else:
            outputs[0][...] = products(*inputs, self.left, self.right)

    def pullback(self, inputs, outputs, cotangents):
        (c_bar,) = cotangents
        matmul, hconj = MatMul(self.field), HConj(self.field)
        a, b = self.factors(*inputs)
        a_bar, b_bar = matmul(c_bar, hconj(b)), matmul(hconj(a), c_bar)
        return [hconj(a_bar) if self.left else a_bar, hconj(b_bar) if self.right else b_bar]

    def factors(self, a, b):
        """The matrices whose product it is."""
        hconj = HConj(self.field)
        return hconj(a) if self.left else a, hconj(b) if self.right else b

    def pushforward(self, inputs, outputs, tangents):
        a, b = inputs
        terms = [
            self(*pair)
            for pair, tangent in (((tangents[0], b), tangents[0]), ((a, tangents[1]), tangents[1]))
            if is_connected(tangent)
        ]
        return [sum_or_disconnected(terms)]


class Quotient(MatrixOp):
    r"""Entrywise :math:`Y = A / B` of complex matrices of one shape, ``(..., 2, m, n)``.

    An Op because a graph that scales its divisor, against overflow, would be rewritten to one that
    does not. Adjoint: :math:`\bar A = \bar Y / \bar B`, :math:`\bar B = -\bar A\,\overline{Y}`,
    a bar over a matrix its conjugate. NumPy divides as Smith (1962).
    """

    title = "/"
    arguments = ("A", "B")
    signature = "C(m,n),C(m,n)->C(m,n)"

    def compute(self, inputs, outputs):
        y = to_complex(inputs[0]) / to_complex(inputs[1])
        outputs[0][..., 0, :, :], outputs[0][..., 1, :, :] = y.real, y.imag

    def pullback(self, inputs, outputs, cotangents):
        a_bar = self(cotangents[0], conj(inputs[1]))
        return [fresh(a_bar), -multiplied(a_bar, conj(outputs[0]))]

    def pushforward(self, inputs, outputs, tangents):
        da, db = tangents
        terms = [da] if is_connected(da) else []
        if is_connected(db):
            terms.append(-multiplied(outputs[0], db))
        return [self(sum_or_disconnected(terms), inputs[1]) if terms else sum_or_disconnected([])]


def conj(a):
    """Conjugate of a stacked tensor."""
    shape = (2, *(1,) * (-plane_axis(a.type.ndim) - 1))
    return a * pt.constant(np.array([1, -1], dtype=a.type.dtype).reshape(shape))


def multiplied(a, b):
    """Entrywise product of stacked tensors that broadcast."""
    x, y, u, v = (plane(s, k) for s in (a, b) for k in (0, 1))
    return from_planes(x * u - y * v, x * v + y * u)


def products(a, b, left=False, right=False):
    """A B for two arrays of matrices with the same leading axes; A^H for A if ``left``, B likewise."""
    if a[:1].size == 0 or a.shape[-2] * a.shape[-1] * b.shape[-2 if right else -1] <= SMALL:
        return (adjoint(a) if left else a) @ (adjoint(b) if right else b)
    if a.ndim > 2:
        return np.stack([products(x, y, left, right) for x, y in zip(a, b, strict=True)])
    if left and right:
        return adjoint(product(b, a))
    if left:
        return hconj_product(a, b)
    return product_hconj(a, b) if right else product(a, b)


def adjoint(a):
    """Conjugate transposes of an array of matrices."""
    return np.swapaxes(a, -1, -2).conj()
