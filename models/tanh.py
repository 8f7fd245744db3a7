"""The simple recurrent network with tanh (Elman 1990), a baseline."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph.models.base import (
    Model,
    affine,
    hold,
    initial_state,
)
from unitarygraph.nn.initializers import glorot_uniform, haar


class TanhRNN(Model):
    r"""h_t = tanh(h_{t-1} W + x_t V + b), y_t = h_t C + c.

    W starts Haar-orthogonal and is trained freely; V and C start Glorot uniform, b, c and h_0 at
    zero.
    """

    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {"optimizer": "rmsprop", "learning_rate": 1e-3, "clip": 1.0}
    )

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        *,
        rng: np.random.Generator | int = 0,
        dtype: str | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, output_size, dtype=dtype)
        rng = np.random.default_rng(rng)
        self.input_weight = self.add("input/weight", glorot_uniform(rng, (input_size, hidden_size)))
        self.recurrent_weight = self.add("recurrent/weight", haar(rng, hidden_size, "real"))
        self.bias = self.add("recurrent/bias", np.zeros(hidden_size))
        self.output_weight = self.add(
            "output/weight", glorot_uniform(rng, (hidden_size, output_size))
        )
        self.output_bias = self.add("output/bias", np.zeros(output_size))

    def __call__(self, x: TensorVariable, mask: TensorVariable | None = None) -> TensorVariable:
        """Return the outputs (T, B, output_size) for x (T, B, input_size)."""
        drive = affine(x, self.input_weight, self.bias)

        def step(drive_t: TensorVariable, *rest: TensorVariable) -> TensorVariable:
            *mask_t, h, weight = rest
            new = pt.tanh(h @ weight + drive_t)
            return hold(mask_t[0], new, h) if mask_t else new

        states = pytensor.scan(
            step,
            sequences=[drive] if mask is None else [drive, mask],
            outputs_info=[initial_state(x, self.hidden_size)],
            non_sequences=[self.recurrent_weight],
            strict=True,
            return_updates=False,
        )
        return affine(states, self.output_weight, self.output_bias)

    def recurrent_matrix(self) -> np.ndarray:
        """Return W."""
        return np.array(self.recurrent_weight.get_value())
