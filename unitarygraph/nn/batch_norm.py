"""Batch normalization, and the running averages that evaluation uses in the place of a batch's."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt

from unitarygraph.module import Module
from unitarygraph.parameter import parameter
from unitarygraph.stacked.typing import M, Updates


class BatchNorm(Module):
    r"""Each feature brought to mean 0 and variance 1, then scaled by a gain g and moved by a bias b.

    .. math:: y = g\,\frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + b

    ``(B, F) -> (B, F)``, one mean a feature, or ``(B, C, H, W) -> (B, C, H, W)``, one a channel.

    A call ``norm(x, training=True)`` returns y and the updates of the running statistics. In training
    :math:`\mu` and :math:`\sigma^2` are the batch's own, and the running ones' new values are, with
    m the momentum and N the numbers a feature has

    .. math:: \mu_r \leftarrow (1 - m)\,\mu_r + m\,\mu, \quad
              \sigma_r^2 \leftarrow (1 - m)\,\sigma_r^2 + m\,\frac{N}{N - 1}\,\sigma^2,

    a dictionary to be merged with a rule's: ``sgd(loss, params, rate) | updates``. With
    ``training=False`` the running values stand in the formula and the dictionary is empty.

    A layer that is called several times in one graph has one set of running statistics: of two
    dictionaries merged with ``|`` the second would win. Handed on, ``norm(x2, earlier=updates)``, the
    second call's averages go on from the first one's.

    Parameters
    ----------
    features : F or C
    momentum : m, between 0 and 1, the weight of the newest batch
    epsilon : positive
    dtype : by default ``config.floatX``
    name : of the parameters ``<name>/gain`` (at first 1) and ``<name>/bias`` (0), in ``params``,
        and of ``<name>/mean`` (0) and ``<name>/variance`` (1), in ``buffers``

    Raises
    ------
    ValueError
        for numbers out of range, an x of another rank or with another number of features, and in
        training for a batch that is known to hold one number a feature

    Source: Ioffe and Szegedy (2015), algorithms 1 and 2.
    """

    def __init__(
        self,
        features: int,
        *,
        momentum: float = 0.1,
        epsilon: float = 1e-5,
        dtype: Any = None,
        name: str = "bn",
    ) -> None:
        if features < 1:
            raise ValueError(f"BatchNorm: features must be at least 1, got {features}")
        if not 0 < momentum <= 1:
            raise ValueError(f"BatchNorm: momentum must be in (0, 1], got {momentum}")
        if not epsilon > 0:
            raise ValueError(f"BatchNorm: epsilon must be positive, got {epsilon}")
        dtype = dtype or pytensor.config.floatX
        zeros, ones = np.zeros(features, dtype), np.ones(features, dtype)
        self.gain = parameter(ones, name=f"{name}/gain")
        self.bias = parameter(zeros, name=f"{name}/bias")
        self.mean = pytensor.shared(zeros, name=f"{name}/mean", shape=zeros.shape)
        self.variance = pytensor.shared(ones, name=f"{name}/variance", shape=ones.shape)
        self._momentum, self._epsilon = np.asarray(momentum, dtype), np.asarray(epsilon, dtype)

    def __call__(
        self, x: M, training: bool = True, earlier: Mapping[Any, Any] | None = None
    ) -> tuple[M, Updates]:
        features = self.gain.type.shape[0]
        if x.type.ndim not in (2, 4) or x.type.shape[1] not in (None, features):
            raise ValueError(
                f"BatchNorm: x must be (B, {features}) or (B, {features}, H, W), "
                f"got shape {x.type.shape}"
            )
        along = (0,) if x.type.ndim == 2 else (0, 2, 3)

        def over_x(a):
            return pt.expand_dims(a, along)

        mean, variance, updates = self.mean, self.variance, {}
        centered = x - over_x(mean)
        if training:
            mean = pt.mean(x, axis=along)
            centered = x - over_x(mean)
            variance = pt.mean(pt.sqr(centered), axis=along)
            factor = unbiased(count_along(x, along, "BatchNorm"), variance.type.dtype)
            averages = {self.mean: mean, self.variance: variance * factor}
            updates = running(averages, self._momentum, earlier)
        scale = self.gain / pt.sqrt(variance + self._epsilon)
        return centered * over_x(scale) + over_x(self.bias), updates


def running(averages, momentum, earlier=None):
    r"""Updates :math:`r \leftarrow (1 - m)\,r + m\,s` of the shared r, the keys, by the batch's s.

    The right-hand side's r is its value in the updates ``earlier``, where that has one.
    """
    earlier = earlier or {}
    return {r: (1 - momentum) * earlier.get(r, r) + momentum * s for r, s in averages.items()}


def unbiased(count, dtype):
    """n / (n - 1), for variances that divide by n."""
    return (count / (count - 1)).astype(dtype)


def count_along(x, along, title):
    """How many numbers of x a feature has; ValueError where it is known to be one."""
    sizes = [x.type.shape[i] for i in along]
    if None in sizes:
        return pt.prod([x.shape[i] for i in along]).astype("float64")
    count = np.prod(sizes, dtype="float64")
    if count == 1:
        raise ValueError(
            f"{title}: x must hold more than one number a feature in training, "
            f"got shape {x.type.shape}"
        )
    return count
