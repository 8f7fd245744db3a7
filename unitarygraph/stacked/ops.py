"""The algebra's Ops: adjoint, product, quotient, solution, modulus and norm.

Ops, so that rewrites can recognize them and leave them whole: graphs of squares lose tiny and huge
values to rewrites.
"""

import numpy as np
import pytensor.tensor as pt

from unitarygraph.core import array
from unitarygraph.core.blas import SMALL, frobenius_norm, hconj_product, product, product_hconj
from unitarygraph.core.lapack import LU, triangular_solve
from unitarygraph.core.layout import from_planes, plane, plane_axis, to_complex
from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.core.small import Small
from unitarygraph.core.tangents import fresh, is_connected, sum_or_disconnected


class HConj(MatrixOp):
    """Conjugate transpose, ``(..., 2, m, n) -> (..., 2, n, m)``; in the real field the transpose."""

    title = "hconj"
    small = Small("algebra", largest=32)
    arguments = ("A",)
    entrywise = True
    signature = "F(m,n)->F(n,m)"

    def compute(self, inputs, outputs):
        (a,), (out,) = inputs, outputs
        out[...] = np.swapaxes(a, -1, -2)
        if self.field == "complex":
            np.negative(out[..., 1, :, :], out=out[..., 1, :, :])

    def array(self, xp, a):
        return array.hconj(xp, a)

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
    small = Small("algebra", largest=16)
    arguments = ("A", "B")
    entrywise = True

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

    def array(self, xp, a, b):
        return (array.hconj(xp, a) if self.left else a) @ (array.hconj(xp, b) if self.right else b)

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
    entrywise = True

    def compute(self, inputs, outputs):
        y = to_complex(inputs[0]) / to_complex(inputs[1])
        outputs[0][..., 0, :, :], outputs[0][..., 1, :, :] = y.real, y.imag

    def array(self, xp, a, b):
        return a / b

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


TRANSPOSED = {"general": "general", "upper": "lower", "lower": "upper"}


class Solve(MatrixOp):
    r"""Solution X of :math:`A X = B` by LU, ``(..., 2, n, n), (..., 2, n, k) -> (..., 2, n, k)``.

    Adjoint: :math:`\bar B = A^{-H} \bar X`, :math:`\bar A = -\bar B X^H`. A singular A gives NaN.
    ``structure``: "general", or "upper" or "lower" for an A known to be triangular.
    """

    __props__ = ("field", "structure")
    title = "solve"
    arguments = ("A", "B")
    signature = "F(n,n),F(n,k)->F(n,k)"

    def __init__(self, field="complex", structure="general"):
        self.structure = structure
        super().__init__(field)

    @property
    def small(self):
        """Of general matrices."""
        return Small("algebra", largest=32) if self.structure == "general" else None

    def matrix(self, a, b):
        if self.structure == "general":
            return LU(a).solve(b)
        return triangular_solve(a, b, lower=self.structure == "lower")

    def array(self, xp, a, b):
        return array.solution(xp, a, b)

    def pullback(self, inputs, outputs, cotangents):
        a, _ = inputs
        hconj, matmul = HConj(self.field), MatMul(self.field)
        b_bar = Solve(self.field, TRANSPOSED[self.structure])(hconj(a), cotangents[0])
        return [-matmul(b_bar, hconj(outputs[0])), fresh(b_bar)]

    def pushforward(self, inputs, outputs, tangents):
        a, _ = inputs
        da, db = tangents
        right = [db] if is_connected(db) else []
        if is_connected(da):
            right.append(-MatMul(self.field)(da, outputs[0]))
        total = sum_or_disconnected(right)
        return [self(a, total) if right else total]


class Norm(MatrixOp):
    r"""Frobenius norm, ``(..., 2, m, n) -> (...)``; adjoint :math:`\bar A = \bar r A / r`, 0 at 0."""

    title = "norm"
    arguments = ("A",)
    signature = "F(m,n)->R()"

    def matrix(self, a):
        size = np.abs(a).max(initial=0)
        return size * a.real.dtype.type(frobenius_norm(a / size)) if size > 0 else size

    def array(self, xp, a):
        size = xp.abs(a)
        if 0 in a.shape[-2:]:
            return xp.sum(size, (-2, -1))
        # The largest modulus is taken out, so that no square overflows.
        largest = xp.amax(size, (-2, -1))
        unit = xp.where(largest > 0, largest, 1)
        scaled = size / unit[..., None, None]
        return largest * xp.sqrt(xp.sum(scaled * scaled, (-2, -1)))

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
    entrywise = True

    def compute(self, inputs, outputs):
        np.hypot(inputs[0][..., 0, :, :], inputs[0][..., 1, :, :], out=outputs[0])

    def array(self, xp, a):
        return xp.abs(a)

    def pullback(self, inputs, outputs, cotangents):
        r = pt.expand_dims(outputs[0], -3)
        return [unit(inputs[0], r) * pt.expand_dims(cotangents[0], -3)]

    def pushforward(self, inputs, outputs, tangents):
        return [(unit(inputs[0], pt.expand_dims(outputs[0], -3)) * tangents[0]).sum(axis=-3)]


def unit(a, r):
    """a / r, and 0 where r = 0."""
    zero = pt.eq(r, 0)
    return pt.switch(zero, pt.zeros_like(a), a / pt.switch(zero, pt.ones_like(r), r))
