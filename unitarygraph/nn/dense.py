"""The affine layer."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytensor

from unitarygraph.core.layout import plain
from unitarygraph.manifolds import Euclidean
from unitarygraph.nn.initializers import kaiming_normal
from unitarygraph.nn.weight import WeightLayer
from unitarygraph.parameter import parameter
from unitarygraph.stacked.algebra import algebra
from unitarygraph.stacked.operands import result_like, stored
from unitarygraph.stacked.typing import Array, M, Seed


class Dense(WeightLayer):
    r"""x W + b: ``(..., input_size) -> (..., output_size)``, dtype of the parameters.

    In the complex field of stacked x, ``(..., 2, B, input_size) -> (..., 2, B, output_size)``, or of
    complex variables; product and b are complex.

    Parameters
    ----------
    input_size, output_size : shape of W
    field : "real" or "complex"
    parametrization : what makes W, orthonormal on its shorter side: a class of
        `unitarygraph.parametrizations`, a function like one or an instance (see
        `unitarygraph.parametrizations.semi_unitary`). By default W is free.
    init : first value of a free W, a function ``(rng, shape, planes)``, as those of
        `unitarygraph.nn.initializers`
    rng : NumPy Generator or seed, by default fresh entropy
    dtype : by default ``config.floatX``
    name : of the parameters ``<name>/weight`` (or as the parametrization calls them, after that) and
        ``<name>/bias``, at first 0; all in ``params``

    Attributes: ``weight`` is W, symbolic; ``value()`` its current value; what is trained and what to do
    in training as `unitarygraph.Module` says.

    Raises ValueError for a size below 1 and for an x whose last axes are known to be others.
    """

    def __init__(
        self,
        input_size: int,
        output_size: int,
        *,
        field: str = "real",
        parametrization: Any = None,
        init: Callable[..., Array] = kaiming_normal,
        rng: Seed = None,
        dtype: Any = None,
        name: str = "dense",
    ) -> None:
        for key, size in {"input_size": input_size, "output_size": output_size}.items():
            if size < 1:
                raise ValueError(f"Dense: {key} must be at least 1, got {size}")
        dtype = dtype or pytensor.config.floatX
        shape, planes = (input_size, output_size), 2 if field == "complex" else 1
        self.set_weight(
            shape,
            field,
            parametrization,
            lambda generator: init(generator, shape, planes),
            rng=rng,
            dtype=dtype,
            name=f"{name}/weight",
        )
        zeros = np.zeros((2, output_size) if planes == 2 else output_size, dtype)
        self.bias = parameter(zeros, Euclidean(self.field), name=f"{name}/bias")

    def __call__(self, x: M) -> M:
        return result_like(self._affine(stored(x)), x)

    def _affine(self, x):
        inputs = self.weight.type.shape[-2]
        axes = (2, "B", inputs) if self.field == "complex" else (inputs,)
        known = x.type.shape[-len(axes) :]
        fits = x.type.ndim >= len(axes) and all(
            size in (None, axis) for axis, size in zip(axes, known, strict=True) if axis != "B"
        )
        if not fits:
            wanted = ", ".join(map(str, axes))
            raise ValueError(f"Dense: x must be (..., {wanted}), got shape {x.type.shape}")
        if self.field == "real":
            return x @ self.weight + self.bias
        return algebra("complex").matmul(x, self.weight) + plain(self.bias)[:, None, :]
