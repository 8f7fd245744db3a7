"""Layer normalization, real and complex."""

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt

from unitarygraph.core.layout import plain
from unitarygraph.manifolds import Euclidean
from unitarygraph.module import Module
from unitarygraph.nn.whitening import (
    covariance,
    initial_gain,
    inverse_root,
    joined,
    means,
    parts_of,
    turn,
)
from unitarygraph.parameter import parameter
from unitarygraph.stacked.algebra import algebra
from unitarygraph.stacked.operands import result_like, stored
from unitarygraph.stacked.typing import M

EPSILON = {"real": 1e-5, "complex": 1e-4}


class LayerNorm(Module):
    r"""Each row brought to mean 0 and variance 1, then a gain and a bias for each feature.

    Real, ``(..., n) -> (..., n)``, with the row's own mean and variance (that divides by n):

    .. math:: y_j = g_j\,\frac{x_j - \mu}{\sqrt{\sigma^2 + \epsilon}} + b_j

    Complex, of a complex variable or stacked ``(..., 2, B, n) -> (..., 2, B, n)``: the n numbers of a row
    as vectors (Re, Im) with their mean :math:`\mu` and 2 x 2 covariance V, whitened by its inverse square
    root,

    .. math:: y_j = \Gamma_j\,(V + \epsilon I)^{-1/2}\,(z_j - \mu) + \beta_j

    :math:`\Gamma_j` symmetric 2 x 2, at first :math:`I/\sqrt 2`, which makes :math:`E|y|^2 = 1`, and
    :math:`\beta_j` complex, at first 0. Numbers to train: 2n real, 5n complex.

    Parameters
    ----------
    features : n
    field : "real" or "complex"
    epsilon : positive, by default 1e-5 in the real field and 1e-4 in the complex one
    dtype : by default ``config.floatX``
    name : of the parameters ``<name>/gain``, ``(n,)`` or ``(3, n)`` with the entries rr, ri and ii of
        :math:`\Gamma`, and ``<name>/bias``, ``(n,)`` or ``(2, n)``; both in ``params``

    Raises
    ------
    ValueError
        for an unknown field, numbers out of range and an x whose axes are known to be others

    Sources: Ba, Kiros and Hinton (2016), "Layer normalization"; Trabelsi et al. (2018), "Deep complex
    networks", section 3.5, for the whitening.
    """

    def __init__(
        self,
        features: int,
        field: str = "real",
        *,
        epsilon: float | None = None,
        dtype: Any = None,
        name: str = "ln",
    ) -> None:
        self.field = algebra(field).field
        if features < 1:
            raise ValueError(f"LayerNorm: features must be at least 1, got {features}")
        epsilon = EPSILON[field] if epsilon is None else epsilon
        if not epsilon > 0:
            raise ValueError(f"LayerNorm: epsilon must be positive, got {epsilon}")
        dtype = dtype or pytensor.config.floatX
        stacked = field == "complex"
        gain = initial_gain(features, dtype) if stacked else np.ones(features, dtype)
        bias = np.zeros((2, features) if stacked else features, dtype)
        self.gain = parameter(gain, name=f"{name}/gain")
        self.bias = parameter(bias, Euclidean(field), name=f"{name}/bias")
        self._epsilon = np.asarray(epsilon, dtype)

    def __call__(self, x: M) -> M:
        return result_like(self._normalized(stored(x)), x)

    def _normalized(self, x):
        features = self.gain.type.shape[-1]
        axes = ("2", "B", str(features)) if self.field == "complex" else (str(features),)
        known = x.type.shape[-len(axes) :]
        fits = x.type.ndim >= len(axes) and known[-1] in (None, features)
        if not fits or (len(axes) == 3 and known[0] not in (None, 2)):
            raise ValueError(
                f"LayerNorm: x must be (..., {', '.join(axes)}), got shape {x.type.shape}"
            )
        if self.field == "real":
            centered = x - pt.mean(x, axis=-1, keepdims=True)
            variance = pt.mean(pt.sqr(centered), axis=-1, keepdims=True)
            return self.gain * (centered / pt.sqrt(variance + self._epsilon)) + self.bias
        parts = parts_of(x)
        centered = [part - mean for part, mean in zip(parts, means(parts, -1), strict=True)]
        white = turn(inverse_root(covariance(centered, -1), self._epsilon), centered)
        return joined(turn([self.gain[i] for i in range(3)], white)) + plain(self.bias)[:, None, :]
