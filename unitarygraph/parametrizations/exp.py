"""Unitary matrices as exponentials of skew-Hermitian ones."""

from unitarygraph.ops.expm_skew import ExpmSkew, skew_exponential
from unitarygraph.parametrizations.inverse import unitary_logarithm
from unitarygraph.parametrizations.skew import SkewParametrization


class Exp(SkewParametrization):
    r""":math:`W = \exp(A)`, A skew-Hermitian: all of U(n), or SO(n) in the real field.

    n^2 real parameters, n(n-1)/2 in the real field: the upper triangle of A. One Hermitian
    eigendecomposition and one product for W, four products for the gradient. `set_value` takes the
    principal logarithm, eigenvalues i w of A with :math:`|w| \le \pi`; at an eigenvalue -1 of W one of
    those that differ in the sign of :math:`\pi`.

    Parameters
    ----------
    n : int
    init : "henaff", "cayley", "haar" or a function ``(rng, n, field) -> skew-Hermitian matrix``
    field : "complex" or "real"
    rng : seed or numpy Generator
    dtype : "float32" or "float64", by default ``pytensor.config.floatX``
    name : name of the shared variable

    Source: Lezcano-Casado and Martinez-Rubio (2019), "Cheap orthogonal constraints".
    """

    def __init__(self, n, *, init="henaff", field="complex", rng=None, dtype=None, name="A"):
        super().__init__(n, init, field, rng, dtype, name)

    def of(self, A):
        return ExpmSkew(self.field)(A)[0]

    def of_value(self, A):
        return skew_exponential(A)[0]

    def skew_value_of(self, W):
        return unitary_logarithm(W)
