"""Unitary matrices as Cayley transforms of skew-Hermitian ones."""

import numpy as np

from unitarygraph.ops.cayley import Cayley as CayleyOp
from unitarygraph.parametrizations.inverse import inverse_cayley
from unitarygraph.parametrizations.skew import SkewParametrization


class Cayley(SkewParametrization):
    r""":math:`W = (I + A)^{-1} (I - A)`, A skew-Hermitian: all unitary matrices without eigenvalue -1.

    In the real field those of SO(n). n^2 real parameters, n(n-1)/2 in the real field: the upper
    triangle of A. One LU factorisation and one solution for W, as much for the gradient. To second
    order W is :math:`e^{-2A}`. An eigenvalue :math:`i \tan(t/2)` of A gives :math:`e^{-it}`; W is
    unitary to :math:`\epsilon\,\|A\|_2`, which grows as W comes near an eigenvalue -1. There
    `set_value`, by :math:`A = (I + W)^{-1} (I - W)`, raises ValueError.

    Parameters
    ----------
    n : int
    init : skew matrix as drawn for `Exp`: "cayley" (eigenvalue angles of W in U(0, pi/2)), "henaff",
        "haar" (the logarithm of a Haar-distributed matrix) or a function
        ``(rng, n, field) -> skew-Hermitian matrix``
    field, rng, dtype, name : as `Exp`

    Source: Helfrich, Willmott and Ye (2018), without their diagonal matrix (`ScaledCayley` has it).
    """

    def __init__(self, n, *, init="cayley", field="complex", rng=None, dtype=None, name="A"):
        super().__init__(n, init, field, rng, dtype, name)

    def of(self, A):
        return CayleyOp(self.field)(A * np.asarray(-2, A.type.dtype))

    def of_value(self, A):
        identity = np.eye(self.n, dtype=A.dtype)
        return np.linalg.solve(identity + A, identity - A)

    def skew_value_of(self, W):
        return inverse_cayley("Cayley.set_value", W, self.dtype)
