"""Lyapunov equation with a Hermitian positive definite matrix, solved in its eigenbasis."""

from unitarygraph.core.array import between, hconj
from unitarygraph.core.blas import hconj_product, product, product_hconj
from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.core.tangents import fresh, is_connected, sum_or_disconnected
from unitarygraph.stacked.algebra import algebra


class Lyapunov(MatrixOp):
    r"""X of :math:`P X + X P = C` from P's eigenpairs, (P, w, V, C) -> X.

    :math:`X = V ((V^H C V)_{jk} / (w_j + w_k)) V^H`, linear and self-adjoint in C. P itself is an
    input for the sake of derivatives: :math:`P\,dX + dX\,P = dC - dP\,X - X\,dP`.
    """

    title = "polar"
    arguments = ("P", "w", "V", "C")
    signature = "F(n,n),R(n),F(n,n),F(n,n)->F(n,n)"
    internal = ("w", "V")
    unread = ("P",)

    def matrix(self, p, w, v, c):
        m = product(hconj_product(v, c), v) / (w[:, None] + w)
        return product_hconj(product(v, m), v)

    def array(self, xp, p, w, v, c):
        sums = w[..., :, None] + w[..., None, :]
        return between(xp, v, between(xp, hconj(xp, v), c) / sums)

    def pullback(self, inputs, outputs, cotangents):
        p, w, v, _ = inputs
        (x,) = outputs
        matrices = algebra(self.field)
        c_bar = self(p, w, v, cotangents[0])
        xh = matrices.hconj(x)
        p_bar = -(matrices.matmul(c_bar, xh) + matrices.matmul(xh, c_bar))
        none = sum_or_disconnected([])
        return [p_bar, none, none, fresh(c_bar)]

    def pushforward(self, inputs, outputs, tangents):
        p, w, v, _ = inputs
        dp, _, _, dc = tangents
        matmul = algebra(self.field).matmul
        right = [dc] if is_connected(dc) else []
        if is_connected(dp):
            right.append(-(matmul(dp, outputs[0]) + matmul(outputs[0], dp)))
        total = sum_or_disconnected(right)
        return [self(p, w, v, total) if right else total]
