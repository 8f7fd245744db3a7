"""Two-dimensional convolution."""

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt

from unitarygraph.manifolds import Manifold
from unitarygraph.nn.weight import WeightLayer
from unitarygraph.stacked.operands import result_like, stored
from unitarygraph.stacked.typing import M, Seed


class Conv2D(WeightLayer):
    r"""Images correlated with kernels: ``(B, C, H, W) -> (B, O, H', W')``.

    Complex images are complex variables ``(B, C, H, W)``, or stacked like all matrices,
    ``(B, C, 2, H, W) -> (B, O, 2, H', W')``.

    .. math:: y_{b o i j} = \sum_{c k l} W_{o, (c k l)}\, x_{b, c, s i + k - p, s j + l - p}

    with zeros outside of x, stride s and padding p; no bias. H' = (H + p + p' - kernel) // s + 1,
    p' being the zeros on the other side.

    The weight is a matrix ``(O, C kernel kernel)``, stacked in the complex field, one row an output
    channel. So it can be a point of a manifold of matrices: with ``Oblique(field="real")`` its rows
    have length 1. Or it can be made by a parametrization: then its rows are orthonormal, if there
    are not more of them than columns, else the columns. A free weight starts Kaiming normal (a complex
    one with E|w|^2 = 2/columns) and is projected on the manifold.

    Parameters
    ----------
    inputs, outputs : C and O
    kernel : height and width of a kernel
    stride : s
    padding : "same" (kernel - 1 zeros a dimension, shared between the sides, the odd one behind,
        so that H' = H at stride 1), "valid" (none) or the number of zeros on each side
    manifold : of the weight, by default flat space
    parametrization : what makes the weight: a class of `unitarygraph.parametrizations`, a function
        like one or an instance (see `unitarygraph.parametrizations.semi_unitary`); by default none
    field : "real" or "complex"
    rng : NumPy Generator or seed, by default fresh entropy
    dtype : by default ``config.floatX``
    name : of the parameter ``<name>/weight`` (or as the parametrization calls them, after that) in
        ``params``

    Attributes: ``weight`` is W, symbolic; ``value()`` its current value; what is trained and what to do
    in training as `unitarygraph.Module` says. A weight on a manifold is of the group "orthogonal".

    Raises
    ------
    ValueError
        for numbers out of range, and for an x of another rank, another number of channels, without
        static channels, height and width, or smaller than the kernel; for both a manifold and a
        parametrization
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: Any,
        *,
        stride: Any = 1,
        padding: Any = "same",
        manifold: Manifold | None = None,
        parametrization: Any = None,
        field: str = "real",
        rng: Seed = None,
        dtype: Any = None,
        name: str = "conv",
    ) -> None:
        numbers = {"inputs": inputs, "outputs": outputs, "kernel": kernel, "stride": stride}
        for key, number in numbers.items():
            if number < 1:
                raise ValueError(f"Conv2D: {key} must be at least 1, got {number}")
        named = {"same": ((kernel - 1) // 2, kernel // 2), "valid": (0, 0)}
        if padding not in named and not (isinstance(padding, int) and padding >= 0):
            raise ValueError(
                f"Conv2D: padding must be 'same', 'valid' or an int of at least 0, got {padding!r}"
            )
        dtype = dtype or pytensor.config.floatX
        rows = inputs * kernel * kernel
        planes = (2,) if field == "complex" else ()
        scale = np.sqrt(2 / (rows * (len(planes) + 1)))
        self.inputs, self.outputs, self.kernel, self.stride = inputs, outputs, kernel, stride
        self.padding = named.get(padding, (padding, padding))
        self.set_weight(
            (outputs, rows),
            field,
            parametrization,
            lambda generator: generator.normal(scale=scale, size=(*planes, outputs, rows)),
            manifold,
            rng=rng,
            dtype=dtype,
            name=f"{name}/weight",
        )

    def __call__(self, x: M) -> M:
        return result_like(self._correlated(stored(x)), x)

    def _correlated(self, x):
        planes = (2,) if self.field == "complex" else ()
        shape, rank = x.type.shape, 4 + len(planes)
        if x.type.ndim != rank or shape[1:-2] != (self.inputs, *planes) or None in shape[-2:]:
            wanted = ", ".join(map(str, ("B", self.inputs, *planes, "H", "W")))
            raise ValueError(
                f"Conv2D: x must be ({wanted}) with static H and W, got shape {x.type.shape}"
            )
        height, width = (_reach(size, self) for size in shape[-2:])
        if min(len(height), len(width)) < 1:
            raise ValueError(
                f"Conv2D: x must not be smaller than the kernel, {self.kernel}, without its "
                f"padding, {self.padding}, got shape {x.type.shape}"
            )
        batch = x.shape[0] if shape[0] is None else shape[0]
        filters = self._filters()
        outputs, channels, taps = filters.type.shape
        if planes:
            x = pt.reshape(x, (batch, channels, *shape[-2:]))
        columns = _columns(x, batch, height, width)
        filters = pt.reshape(filters.transpose(0, 2, 1), (outputs, taps * channels))
        pixels = pt.reshape(columns @ filters.T, (batch, len(height), len(width), outputs))
        y = pixels.transpose(0, 3, 1, 2)
        if planes:
            y = pt.reshape(y, (batch, self.outputs, 2, len(height), len(width)))
        return y

    def _filters(self):
        """Real kernels (outputs, channels, taps); complex ones as [[Re, -Im], [Im, Re]].

        Each complex channel is then two real ones.
        """
        shape = (self.outputs, self.inputs, self.kernel**2)
        if self.field == "real":
            return pt.reshape(self.weight, shape)
        re, im = (pt.reshape(self.stored_weight()[plane], shape) for plane in (0, 1))
        rows = [pt.stack(pair, axis=2) for pair in ((re, -im), (im, re))]
        return pt.reshape(pt.stack(rows, axis=1), (2 * shape[0], 2 * shape[1], shape[2]))


def _reach(size, layer):
    """Rows of x that each output reads, (outputs, kernel); -1 for one of zeros."""
    first = np.arange(0, size + sum(layer.padding) - layer.kernel + 1, layer.stride)
    rows = first[:, None] + np.arange(layer.kernel) - layer.padding[0]
    return np.where((rows >= 0) & (rows < size), rows, -1)


def _columns(x, batch, height, width):
    """What each output pixel reads: (B H' W', kernel kernel C), pixels of all channels as rows.

    The pixels, each with all its channels, are the rows of one matrix, with a row of zeros at its
    end: one look-up copies them all, and one product with the weight remains.
    """
    _, channels, rows, columns = x.type.shape
    size = rows * columns
    matrix = pt.reshape(x.transpose(0, 2, 3, 1), (batch * size, channels))
    matrix = pt.concatenate([matrix, pt.zeros((1, channels), dtype=x.type.dtype)])
    high, wide = height[:, None, :, None], width[None, :, None, :]
    inside = (high >= 0) & (wide >= 0)
    pixel = np.where(inside, high * columns + wide, 0).ravel()
    if isinstance(batch, int):
        index = np.where(inside.ravel(), np.arange(batch)[:, None] * size + pixel, batch * size)
    else:
        index = pt.switch(inside.ravel(), pt.arange(batch)[:, None] * size + pixel, batch * size)
    read = matrix[index.ravel()]
    return pt.reshape(read, (batch * len(height) * len(width), inside[0, 0].size * channels))
