"""The affine layer."""

import numpy as np
import pytensor

from unitarygraph.nn.initializers import kaiming_normal
from unitarygraph.parameter import parameter


class Dense:
    r"""x W + b: ``(..., input_size) -> (..., output_size)``, dtype of the parameters.

    W ``(input_size, output_size)`` starts Kaiming normal, b at zero; they are called
    ``<name>/weight`` and ``<name>/bias`` and stand in ``params``. ``rng`` is a NumPy Generator or a
    seed, ``dtype`` defaults to ``config.floatX``. Raises ValueError for a size below 1 and for an x
    whose last axis is known to be another.
    """

    def __init__(self, input_size, output_size, *, rng=0, dtype=None, name="dense"):
        for key, size in {"input_size": input_size, "output_size": output_size}.items():
            if size < 1:
                raise ValueError(f"Dense: {key} must be at least 1, got {size}")
        dtype = dtype or pytensor.config.floatX
        weight = kaiming_normal(np.random.default_rng(rng), (input_size, output_size))
        self.weight = parameter(weight.astype(dtype), name=f"{name}/weight")
        self.bias = parameter(np.zeros(output_size, dtype), name=f"{name}/bias")
        self.params = [self.weight, self.bias]

    def __call__(self, x):
        inputs = self.weight.type.shape[0]
        if x.type.ndim < 1 or x.type.shape[-1] not in (None, inputs):
            raise ValueError(f"Dense: x must be (..., {inputs}), got shape {x.type.shape}")
        return x @ self.weight + self.bias
