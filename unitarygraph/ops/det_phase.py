"""Argument of the determinant."""

import numpy as np
import pytensor.tensor as pt

from unitarygraph.core.blas import lapack_function
from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.stacked.algebra import algebra


class DetPhase(MatrixOp):
    r"""arg det A in :math:`(-\pi, \pi]`, ``(..., 2, n, n) -> (...)``; NaN when A is singular.

    :math:`d \arg\det A = \mathrm{Im}\,\mathrm{tr}(A^{-1} dA)`, so the adjoint is
    :math:`\bar A = \bar\varphi\, i A^{-H}`. Source: Magnus and Neudecker, Matrix Differential
    Calculus, section 8.3, taken in the imaginary part.
    """

    title = "arg det"
    arguments = ("A",)
    signature = "C(n,n)->R()"

    def matrix(self, a):
        if not a.size:
            return 0.0
        lu, pivots, _ = lapack_function("getrf", a.dtype.name)(a)
        d = np.diagonal(lu)
        swaps = np.count_nonzero(pivots != np.arange(len(pivots)))
        # A zero on the diagonal makes this 0 / 0.
        return np.angle((-1) ** swaps * np.prod(d / np.abs(d)))

    def array(self, xp, a):
        sign = xp.slogdet(a)[0]
        return xp.where(xp.abs(sign) > 0, xp.angle(sign), float("nan"))

    def pullback(self, inputs, outputs, cotangents):
        return [pt.shape_padright(cotangents[0], 3) * slope(inputs[0])]

    def pushforward(self, inputs, outputs, tangents):
        return [algebra("complex").inner(slope(inputs[0]), tangents[0])]


def slope(a):
    """i A^{-H}, stacked, i the imaginary unit."""
    matrices = algebra("complex")
    inverse = matrices.solve(matrices.hconj(a), matrices.eye_like(a) + pt.zeros_like(a))
    return pt.stack([-inverse[..., 1, :, :], inverse[..., 0, :, :]], axis=-3)
