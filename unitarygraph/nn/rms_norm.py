"""Root mean square normalization."""

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph.module import Module
from unitarygraph.parameter import parameter


class RMSNorm(Module):
    r"""Each row over its root mean square, then a gain for each feature: ``(..., n) -> (..., n)``.

    .. math:: y_j = g_j\, x_j / \sqrt{\tfrac1n \sum_k x_k^2 + \epsilon}

    Real. The gain g ``(n,)`` is at first 1 and called ``<name>/gain``; epsilon is positive.

    Raises ValueError for features below 1, epsilon <= 0 and an x that is known to have other features.

    Source: Zhang and Sennrich (2019), "Root mean square layer normalization".
    """

    def __init__(
        self, features: int, *, epsilon: float = 1e-5, dtype: Any = None, name: str = "rms"
    ) -> None:
        if features < 1:
            raise ValueError(f"RMSNorm: features must be at least 1, got {features}")
        if not epsilon > 0:
            raise ValueError(f"RMSNorm: epsilon must be positive, got {epsilon}")
        dtype = dtype or pytensor.config.floatX
        self.gain = parameter(np.ones(features, dtype), name=f"{name}/gain")
        self._epsilon = np.asarray(epsilon, dtype)

    def __call__(self, x: TensorVariable) -> TensorVariable:
        features = self.gain.type.shape[-1]
        if x.type.ndim < 1 or x.type.shape[-1] not in (None, features):
            raise ValueError(f"RMSNorm: x must be (..., {features}), got shape {x.type.shape}")
        square = pt.mean(pt.sqr(x), axis=-1, keepdims=True)
        return self.gain * (x / pt.sqrt(square + self._epsilon))
