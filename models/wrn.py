"""Wide residual network, whose convolutions may have filters of unit length."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.tensor.variable import TensorVariable

from unitarygraph.manifolds import Oblique
from unitarygraph.models.base import Model
from unitarygraph.module import Module
from unitarygraph.nn import BatchNorm, Conv2D, Dense

#: channels of the first convolution and, times the width, of the three groups of blocks
STEM, GROUPS = 16, (16, 32, 64)


class WideResNet(Model):
    r"""WRN-d-k: convolution, three groups of residual blocks, batch norm, average, dense layer.

    A block of the pre-activation kind is, with f = relu of batch norm and 3x3 convolutions C,

    .. math:: y = x + C_2 f_2(C_1 f_1(x)), \quad \text{or } S f_1(x) + C_2 f_2(C_1 f_1(x))

    where channels change, S being a 1x1 convolution. The groups have 16 k, 32 k and 64 k channels
    and (d - 4) / 6 blocks each; the second and third begin with stride 2. No convolution has a bias.

    x ``(T, B, input_size)`` is read as B square images of T pixels, row by row, and input_size
    channels. The answer to a whole image is given at every step: ``(T, B, output_size)``.

    Parameters
    ----------
    hidden_size : features that the dense layer reads, 64 k; a given width puts its own in its place
    depth : d, layers counted along the longest way, 6 n + 4 for n blocks a group
    width : k, by default hidden_size / 64
    oblique : whether a convolution with fewer filters than numbers in one has filters of unit
        length, points of `Oblique`: batch norm takes their lengths out again
    weight_decay : lambda of the penalty lambda / 2 |w|^2 on the weights that are not on `Oblique`;
        batch norm's and the bias are free of it

    Convolutions and the dense layer start Kaiming normal; filters on `Oblique` are then brought to
    unit length, and learn by the rule in the settings (sgd_g, adam_g) at the orthogonal rate.

    Raises ValueError for a depth that is not 6 n + 4, a hidden_size that is not a multiple of 64, a
    T that is unknown or no square, and for a mask.

    Source: Zagoruyko and Komodakis, "Wide residual networks", BMVC 2016; Cho and Lee, "Riemannian
    approach to batch normalization", NIPS 2017.
    """

    tasks: ClassVar[tuple[str, ...] | None] = ("digits", "mnist", "cifar10", "cifar100")
    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {
            "other": {"name": "sgd_g", "learning_rate": 0.01, "omega": 0.1, "grad_clip": 0.1},
            "orthogonal": {"learning_rate": 0.2},
        }
    )
    task_defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
        {
            "digits": {
                "steps": 300,
                "eval_every": 50,
                "other": {"learning_rate": 0.01},
                "orthogonal": {"learning_rate": 0.2},
            }
        }
    )

    depth: int = 10
    width: int | None = None
    oblique: bool = True
    weight_decay: float = 5e-4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.depth < 10 or self.depth % 6 != 4:
            raise ValueError(f"wrn: depth must be 6 n + 4, n at least 1, got {self.depth}")
        if self.width is None and self.hidden_size % GROUPS[-1]:
            raise ValueError(
                f"wrn: hidden_size must be a multiple of {GROUPS[-1]}, got {self.hidden_size}"
            )
        self.width = self.hidden_size // GROUPS[-1] if self.width is None else self.width
        if self.width < 1:
            raise ValueError(f"wrn: width must be at least 1, got {self.width}")
        if not self.weight_decay >= 0:
            raise ValueError(f"wrn: weight_decay must be at least 0, got {self.weight_decay}")
        self.hidden_size = GROUPS[-1] * self.width
        self._stem = self._convolution("stem", self.input_size, STEM, 3)
        self._blocks = list(self._make_blocks((self.depth - 4) // 6, self.width))
        self._norm = self._batch_norm("norm", self.hidden_size)
        self._dense = Dense(
            self.hidden_size, self.output_size, rng=self.rng, dtype=self.dtype, name="dense"
        )

    def __call__(self, x: TensorVariable, mask: TensorVariable | None = None) -> TensorVariable:
        """Return the answers (T, B, output_size) for images x (T, B, input_size)."""
        return self._outputs(x, mask, training=False)[0]

    def training(
        self, x: TensorVariable, mask: TensorVariable | None = None
    ) -> tuple[TensorVariable, dict[SharedVariable, TensorVariable]]:
        """Return the answers by the batch's own statistics, and the running ones' updates."""
        return self._outputs(x, mask, training=True)

    def own_penalty(self) -> TensorVariable | None:
        """Return the weight decay's half sum of squares."""
        free = [p for p in self.group("other") if p.name.endswith("/weight")]
        half = np.asarray(self.weight_decay / 2, self.dtype)
        return half * sum(pt.sum(pt.sqr(p)) for p in free)

    def _outputs(
        self, x: TensorVariable, mask: TensorVariable | None, training: bool
    ) -> tuple[TensorVariable, dict[SharedVariable, TensorVariable]]:
        if mask is not None:
            raise ValueError("wrn: reads whole images, so there must be no mask")
        y, updates = self._stem(images(x)), {}
        for block in self._blocks:
            y, after = block(y, training)
            updates |= after
        y, after = self._norm(y, training)
        updates |= after
        pooled = pt.mean(pt.maximum(y, 0), axis=(2, 3))
        answer = self._dense(pooled)
        steps, batch = x.type.shape[0], x.type.shape[1] or x.shape[1]
        return pt.broadcast_to(answer[None], (steps, batch, self.output_size)), updates

    def _make_blocks(self, blocks: int, width: int) -> Iterator[Block]:
        channels = STEM
        for group, base in enumerate(GROUPS):
            for number in range(blocks):
                stride = 2 if group and not number else 1
                name, outputs = f"group{group}/block{number}", base * width
                first = self._batch_norm(f"{name}/norm1", channels)
                conv1 = self._convolution(f"{name}/conv1", channels, outputs, 3, stride)
                second = self._batch_norm(f"{name}/norm2", outputs)
                conv2 = self._convolution(f"{name}/conv2", outputs, outputs, 3)
                shortcut = None
                if channels != outputs:
                    shortcut = self._convolution(f"{name}/shortcut", channels, outputs, 1, stride)
                yield Block((first, conv1), (second, conv2), shortcut)
                channels = outputs

    def _convolution(
        self, name: str, inputs: int, outputs: int, kernel: int, stride: int = 1
    ) -> Conv2D:
        on_oblique = self.oblique and outputs < inputs * kernel**2
        return Conv2D(
            inputs,
            outputs,
            kernel,
            stride=stride,
            manifold=Oblique(field="real") if on_oblique else None,
            rng=self.rng,
            dtype=self.dtype,
            name=name,
        )

    def _batch_norm(self, name: str, features: int) -> BatchNorm:
        return BatchNorm(features, dtype=self.dtype, name=name)


class Block(Module):
    """One residual block of `WideResNet`."""

    def __init__(
        self,
        first: tuple[BatchNorm, Conv2D],
        second: tuple[BatchNorm, Conv2D],
        shortcut: Conv2D | None,
    ) -> None:
        self.first, self.second, self.shortcut = first, second, shortcut

    def __call__(
        self, x: TensorVariable, training: bool
    ) -> tuple[TensorVariable, dict[SharedVariable, TensorVariable]]:
        """Return the block's value at x (B, C, H, W), and its norms' updates."""
        (norm1, conv1), (norm2, conv2) = self.first, self.second
        first, updates = norm1(x, training)
        first = pt.maximum(first, 0)
        second, after = norm2(conv1(first), training)
        straight = x if self.shortcut is None else self.shortcut(first)
        return straight + conv2(pt.maximum(second, 0)), updates | after


def images(x: TensorVariable) -> TensorVariable:
    """Return sequences of pixels (T, B, C) as square images (B, C, H, H)."""
    steps, batch, channels = x.type.shape
    side = 0 if steps is None else math.isqrt(steps)
    if steps is None or channels is None or side**2 != steps:
        raise ValueError(
            f"wrn: x must be (T, B, C) with a static T that is a square, got {x.type.shape}"
        )
    shape = (x.shape[1] if batch is None else batch, channels, side, side)
    return pt.reshape(x.transpose(1, 2, 0), shape)
