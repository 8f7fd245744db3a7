"""Long short-term memory (Hochreiter & Schmidhuber 1997; forget gate of Gers et al. 2000)."""

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


class LSTM(Model):
    r"""Gated baseline: with (i, f, g, o) the four blocks of h_{t-1} W + x_t V + b,

    .. math::
        c_t = \sigma(f) c_{t-1} + \sigma(i) \tanh(g), \quad h_t = \sigma(o) \tanh(c_t),

    and y_t = h_t C + d. Each block of W starts Haar-orthogonal, V and C Glorot uniform, the
    forget gate's bias at `forget_bias` (Jozefowicz, Zaremba, Sutskever 2015 advise 1), all other
    biases and the first state at zero.
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
        forget_bias: float = 1.0,
    ) -> None:
        super().__init__(input_size, hidden_size, output_size, dtype=dtype, forget_bias=forget_bias)
        rng = np.random.default_rng(rng)
        n = hidden_size
        inputs = [glorot_uniform(rng, (input_size, n)) for _ in range(4)]
        recurrent = [haar(rng, n, "real") for _ in range(4)]
        bias = np.zeros(4 * n)
        bias[n : 2 * n] = forget_bias
        self.input_weight = self.add("input/weight", np.concatenate(inputs, axis=1))
        self.recurrent_weight = self.add("recurrent/weight", np.concatenate(recurrent, axis=1))
        self.bias = self.add("recurrent/bias", bias)
        self.output_weight = self.add("output/weight", glorot_uniform(rng, (n, output_size)))
        self.output_bias = self.add("output/bias", np.zeros(output_size))

    def __call__(self, x: TensorVariable, mask: TensorVariable | None = None) -> TensorVariable:
        """Return the outputs (T, B, output_size) for x (T, B, input_size)."""
        n = self.hidden_size
        drive = affine(x, self.input_weight, self.bias)

        def step(drive_t: TensorVariable, *rest: TensorVariable) -> list[TensorVariable]:
            *mask_t, h, c, weight = rest
            z = h @ weight + drive_t
            i, f, o = (pt.sigmoid(z[:, k * n : (k + 1) * n]) for k in (0, 1, 3))
            cell = f * c + i * pt.tanh(z[:, 2 * n : 3 * n])
            state = o * pt.tanh(cell)
            if mask_t:
                return [hold(mask_t[0], state, h), hold(mask_t[0], cell, c)]
            return [state, cell]

        states, _ = pytensor.scan(
            step,
            sequences=[drive] if mask is None else [drive, mask],
            outputs_info=[initial_state(x, n), initial_state(x, n)],
            non_sequences=[self.recurrent_weight],
            strict=True,
            return_updates=False,
        )
        return affine(states, self.output_weight, self.output_bias)
