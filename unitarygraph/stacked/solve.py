"""Solution of a linear system as an Op."""

from unitarygraph.stacked.lapack import LU, triangular_solve
from unitarygraph.stacked.matrix_op import MatrixOp
from unitarygraph.stacked.products import HConj, MatMul
from unitarygraph.stacked.tangents import fresh, is_connected, sum_or_disconnected

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

    def matrix(self, a, b):
        if self.structure == "general":
            return LU(a).solve(b)
        return triangular_solve(a, b, lower=self.structure == "lower")

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
