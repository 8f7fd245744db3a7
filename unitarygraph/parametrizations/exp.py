"""Unitary matrices as exponentials of skew-Hermitian ones."""

import numpy as np

from unitarygraph.fields import algebra
from unitarygraph.ops.expm import expm
from unitarygraph.ops.expm_skew import skew_exponential
from unitarygraph.ops.upper import skew_from_upper
from unitarygraph.parameter import parameter
from unitarygraph.parametrizations.base import Parametrization
from unitarygraph.parametrizations.initializers import skew_initializer


class Exp(Parametrization):
    r""":math:`W = \exp(A)`, A skew-Hermitian: all of U(n), or SO(n) in the real field.

    n^2 real parameters, n(n-1)/2 in the real field: the upper triangle of A. One Hermitian
    eigendecomposition and one product for W, four products for the gradient.

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

    def __init__(self, n, init="henaff", field="complex", rng=0, dtype=None, name="A"):
        self.matrices = algebra(field)
        self.field = field
        skew = skew_initializer(init)(np.random.default_rng(rng), n, field)
        if skew.shape != (n, n) or not np.allclose(skew, -skew.conj().T):
            raise ValueError(
                f"init: expected a skew-Hermitian matrix ({n}, {n}), got shape {skew.shape} with "
                f"||A + A^H|| = {np.linalg.norm(skew + skew.conj().T):.1e}"
            )
        # Below the diagonal nothing is read; the stored value has zeros there.
        value = self.matrices.from_numpy(np.triu(skew))
        self.params = [parameter(value if dtype is None else value.astype(dtype), name=name)]

    def __call__(self):
        return expm(skew_from_upper(self.params[0], self.field), True, self.field)

    def value(self):
        """Current matrix, computed by NumPy in the parameter's precision."""
        upper = self.matrices.to_numpy(np.array(self.params[0].get_value()))
        skew = np.triu(upper, 1)
        skew = skew - skew.conj().T
        if self.field == "complex":
            skew += 1j * np.diag(np.diagonal(upper).imag)
        if not np.isfinite(skew).all():
            return np.full_like(skew, np.nan)
        return skew_exponential(skew)[0]
