"""Solution of a linear system as an Op."""

import numpy as np

from unitarygraph.stacked.matrix_op import MatrixOp
from unitarygraph.stacked.products import HConj, MatMul
from unitarygraph.stacked.tangents import is_connected, sum_or_disconnected


class Solve(MatrixOp):
    r"""Solution X of :math:`A X = B` by LU, ``(..., 2, n, n), (..., 2, n, k) -> (..., 2, n, k)``.

    Adjoint: :math:`\bar B = A^{-H} \bar X`, :math:`\bar A = -\bar B X^H`. A singular A gives NaN.
    """

    title = "solve"
    arguments = ("A", "B")
    signature = "F(n,n),F(n,k)->F(n,k)"

    def matrix(self, a, b):
        try:
            return np.linalg.solve(a, b)
        except np.linalg.LinAlgError:
            return np.nan

    def pullback(self, inputs, outputs, cotangents):
        a, _ = inputs
        hconj, matmul = HConj(self.field), MatMul(self.field)
        b_bar = self(hconj(a), cotangents[0])
        return [-matmul(b_bar, hconj(outputs[0])), b_bar]

    def pushforward(self, inputs, outputs, tangents):
        a, _ = inputs
        da, db = tangents
        right = [db] if is_connected(db) else []
        if is_connected(da):
            right.append(-MatMul(self.field)(da, outputs[0]))
        total = sum_or_disconnected(right)
        return [self(a, total) if right else total]
