"""Residual blocks around a linear recurrence, between an affine encoder and decoder."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.tensor.variable import TensorVariable

from unitarygraph.models.base import Model, affine
from unitarygraph.nn.batch_norm import BatchNorm
from unitarygraph.nn.functions import dropout, gelu
from unitarygraph.nn.layer_norm import LayerNorm

NORMS = {"layer": LayerNorm, "batch": BatchNorm}
#: weight and bias
Affine = tuple[SharedVariable, SharedVariable]
Updates = dict[SharedVariable, TensorVariable]


class ResidualModel(Model):
    r"""Blocks of width H = hidden_size around the layer that a subclass makes,

    .. math:: z = \mathrm{GELU}(\mathrm{layer}(\mathrm{norm}(x))), \quad
              x \leftarrow x + (z V + a) \circ \sigma(z W + b).

    Time is mixed by the layer alone; what is not linear works on each step. Where the mask is 0 the
    states of all layers stand still.

    Parameters
    ----------
    hidden_size : H, features between blocks
    state_size : N, complex states of a layer, by default H
    layers : number of blocks
    norm : "layer", or "batch" over all steps and samples, padded ones too
    dropout : share of numbers that training sets to zero after GELU and after the gate
    rng : NumPy Generator or seed, by default fresh entropy

    Real parameters: mH + H and Hk + k outside, in each block 2H of the norm, those of the layer, and
    2H^2 + 2H of V, W, a and b. Encoder, decoder, V and W start N(0, 1 / rows) with biases zero.

    Raises ValueError for options out of range.
    """

    state_size: int | None = None
    layers: int = 1
    norm: str = "layer"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.layers < 1:
            raise ValueError(f"layers must be at least 1, got {self.layers}")
        if self.norm not in NORMS:
            raise ValueError(f"norm must be one of {', '.join(NORMS)}, got {self.norm!r}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {self.dropout}")
        self.state_size = self.hidden_size if self.state_size is None else self.state_size
        self._encoder = self._affine("encoder", self.input_size, self.hidden_size)
        self._blocks = [self._block(f"layer{number}") for number in range(self.layers)]
        self._decoder = self._affine("decoder", self.hidden_size, self.output_size)
        # Two for each block; they have names, for checkpoints.
        self._generators = [
            pytensor.shared(child, name=f"dropout{k}")
            for k, child in enumerate(self.rng.spawn(2 * self.layers if self.dropout else 0))
        ]

    def make_layer(self, name: str) -> Any:
        """Return a module of H features, called with x and mask, whose parameters begin with name.

        Its `matrices()` are the recurrent matrices as NumPy arrays.
        """
        raise NotImplementedError(f"{type(self).__name__}: needs make_layer")

    def _block(self, name: str) -> tuple[LayerNorm | BatchNorm, Any, Affine, Affine]:
        width = self.hidden_size
        normalize = NORMS[self.norm](width, dtype=self.dtype, name=f"{name}/norm")
        layer = self.make_layer(name)
        value, gate = (self._affine(f"{name}/{half}", width, width) for half in ("value", "gate"))
        return normalize, layer, value, gate

    def _affine(self, name: str, rows: int, columns: int) -> Affine:
        weight = self.rng.standard_normal((rows, columns)) / np.sqrt(rows)
        bias = np.zeros(columns)
        return self.parameter(f"{name}/weight", weight), self.parameter(f"{name}/bias", bias)

    def __call__(self, x: TensorVariable, mask: TensorVariable | None = None) -> TensorVariable:
        """Return the outputs (T, B, output_size) for x (T, B, input_size)."""
        return self._outputs(x, mask, None)

    def training(
        self, x: TensorVariable, mask: TensorVariable | None = None
    ) -> tuple[TensorVariable, Updates]:
        """Return outputs with dropout by the batch's statistics, and what these update."""
        updates: Updates = {}
        return self._outputs(x, mask, updates), updates

    def _outputs(
        self, x: TensorVariable, mask: TensorVariable | None, updates: Updates | None
    ) -> TensorVariable:
        """Outputs; with a dictionary of updates those of training, which it is filled with."""
        generators = iter(self._generators)

        def dropped(y: TensorVariable) -> TensorVariable:
            if updates is None or not self._generators:
                return y
            y, after = dropout(y, self.dropout, next(generators))
            updates.update(after)
            return y

        x = affine(x, *self._encoder)
        for normalize, layer, value, gate in self._blocks:
            z = dropped(gelu(layer(self._normalized(normalize, x, updates), mask)))
            x = x + dropped(affine(z, *value) * pt.sigmoid(affine(z, *gate)))
        return affine(x, *self._decoder)

    def _normalized(
        self, normalize: LayerNorm | BatchNorm, x: TensorVariable, updates: Updates | None
    ) -> TensorVariable:
        if self.norm == "layer":
            return normalize(x)
        # Steps and samples as the batch and height of images, features as channels.
        y, after = normalize(x.dimshuffle(0, 2, 1, "x"), training=updates is not None)
        if updates is not None:
            updates.update(after)
        return y.dimshuffle(0, 2, 1)

    def recurrent_matrix(self) -> np.ndarray:
        """Return the recurrent matrix of the first layer."""
        return self.recurrent_matrices()[0]

    def recurrent_matrices(self) -> list[np.ndarray]:
        """Return those of every layer and direction."""
        return [matrix for _, layer, *_ in self._blocks for matrix in layer.matrices()]
