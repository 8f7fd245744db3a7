"""Batch normalization of complex numbers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt

from unitarygraph.core.layout import plain
from unitarygraph.manifolds import Euclidean
from unitarygraph.module import Module
from unitarygraph.nn.batch_norm import count_along, running, unbiased
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
from unitarygraph.stacked.operands import result_like, stored
from unitarygraph.stacked.typing import M, Updates


class ComplexBatchNorm(Module):
    r"""Each complex feature whitened as a vector (Re, Im), then turned by a gain and moved by a bias.

    .. math:: y = \Gamma\,(V + \epsilon I)^{-1/2}\,(z - \mu) + \beta

    Stacked ``(2, B, F) -> (2, B, F)``, one mean :math:`\mu` and one 2 x 2 covariance V a feature, or
    ``(B, C, 2, H, W) -> (B, C, 2, H, W)``, one a channel. :math:`\Gamma` is symmetric 2 x 2, at first
    :math:`I/\sqrt 2`, which makes :math:`E|y|^2 = 1`; :math:`\beta` is complex, at first 0. Numbers to
    train: 5F.

    A call ``norm(x, training=True, earlier=None)`` returns y and the updates of the running statistics,
    as `BatchNorm` does. In training :math:`\mu` and V are the batch's own, and the running ones move
    toward them (V times N/(N - 1)). With ``training=False`` the running values stand in the formula and
    there are no updates.

    Parameters
    ----------
    features : F or C
    momentum : m, between 0 and 1, the weight of the newest batch: 0.1 is what Trabelsi et al. call 0.9
    epsilon : positive
    dtype : by default ``config.floatX``
    name : of the parameters ``<name>/gain`` ``(3, F)``, the entries rr, ri and ii of :math:`\Gamma`, and
        ``<name>/bias`` ``(2, F)``, in ``params``; and of ``<name>/mean`` ``(2, F)``, at first 0, and
        ``<name>/covariance`` ``(3, F)``, at first :math:`I/\sqrt 2`, in ``buffers``

    Raises
    ------
    ValueError
        for numbers out of range, an x of another rank or with another number of features, and in
        training for a batch that is known to hold one number a feature

    Source: Trabelsi et al. (2018), "Deep complex networks", section 3.5.
    """

    def __init__(
        self,
        features: int,
        *,
        momentum: float = 0.1,
        epsilon: float = 1e-4,
        dtype: Any = None,
        name: str = "cbn",
    ) -> None:
        if features < 1:
            raise ValueError(f"ComplexBatchNorm: features must be at least 1, got {features}")
        if not 0 < momentum <= 1:
            raise ValueError(f"ComplexBatchNorm: momentum must be in (0, 1], got {momentum}")
        if not epsilon > 0:
            raise ValueError(f"ComplexBatchNorm: epsilon must be positive, got {epsilon}")
        dtype = dtype or pytensor.config.floatX
        zeros, root = np.zeros((2, features), dtype), initial_gain(features, dtype)
        self.gain = parameter(root, name=f"{name}/gain")
        self.bias = parameter(zeros, Euclidean("complex"), name=f"{name}/bias")
        self.mean = pytensor.shared(zeros, name=f"{name}/mean", shape=zeros.shape)
        self.covariance = pytensor.shared(root, name=f"{name}/covariance", shape=root.shape)
        self._momentum, self._epsilon = np.asarray(momentum, dtype), np.asarray(epsilon, dtype)

    def __call__(
        self, x: M, training: bool = True, earlier: Mapping[Any, Any] | None = None
    ) -> tuple[M, Updates]:
        y, updates = self._normalized(stored(x), training, earlier)
        return result_like(y, x), updates

    def _normalized(self, x, training, earlier):
        features = self.gain.type.shape[1]
        rank, shape = x.type.ndim, x.type.shape
        feature, plane = {3: (2, 0), 5: (1, 2)}.get(rank, (0, 0))
        wrong = rank not in (3, 5) or shape[feature] not in (None, features)
        if wrong or shape[plane] not in (None, 2):
            raise ValueError(
                f"ComplexBatchNorm: x must be (2, B, {features}) or (B, {features}, 2, H, W), "
                f"got shape {shape}"
            )
        along = tuple(i for i in range(rank) if i not in (feature, plane))

        def over_x(stored):
            """Rows ``(F,)`` of ``(k, F)``, each with x's axes."""
            rest = tuple(i for i in range(rank) if i != feature)
            return [pt.expand_dims(stored[i], rest) for i in range(stored.type.shape[0])]

        def stored(parts):
            """Inverse of `over_x`."""
            return pt.stack([pt.squeeze(part, axis=(*along, plane)) for part in parts])

        parts, updates = parts_of(x), {}
        if training:
            mean = means(parts, along)
            centered = _less(parts, mean)
            matrix = covariance(centered, along)
            factor = unbiased(count_along(x, along, "ComplexBatchNorm"), x.type.dtype)
            averages = {self.mean: stored(mean), self.covariance: stored(matrix) * factor}
            updates = running(averages, self._momentum, earlier)
        else:
            centered, matrix = _less(parts, over_x(self.mean)), over_x(self.covariance)
        white = turn(inverse_root(matrix, self._epsilon), centered)
        y = turn(over_x(self.gain), white)
        y = joined([part + bias for part, bias in zip(y, over_x(plain(self.bias)), strict=True)])
        return y, updates


def _less(parts, mean):
    return [part - m for part, m in zip(parts, mean, strict=True)]
