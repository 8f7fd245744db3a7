"""Two-dimensional convolution."""

import numpy as np
import pytensor
import pytensor.tensor as pt

from unitarygraph.parameter import parameter


class Conv2D:
    r"""Images correlated with kernels: ``(B, C, H, W) -> (B, O, H', W')``.

    .. math:: y_{b o i j} = \sum_{c k l} W_{o, (c k l)}\, x_{b, c, s i + k - p, s j + l - p}

    with zeros outside of x, stride s and padding p; no bias. H' = (H + p + p' - kernel) // s + 1,
    p' being the zeros on the other side.

    The weight is a matrix ``(O, C kernel kernel)``, one row an output channel, so that it can be a
    point of a manifold of matrices: with ``Oblique(field="real")`` its rows have length 1. It starts
    Kaiming normal and is projected on the manifold; it is called ``<name>/weight`` and stands in
    ``params``.

    Parameters
    ----------
    inputs, outputs : C and O
    kernel : height and width of a kernel
    stride : s
    padding : "same" (kernel - 1 zeros a dimension, shared between the sides, the odd one behind,
        so that H' = H at stride 1), "valid" (none) or the number of zeros on each side
    manifold : of the weight, by default flat space
    rng : NumPy Generator or seed
    dtype : by default ``config.floatX``

    Raises
    ------
    ValueError
        for numbers out of range, and for an x of another rank, another number of channels, without
        static channels, height and width, or smaller than the kernel
    """

    def __init__(
        self,
        inputs,
        outputs,
        kernel,
        *,
        stride=1,
        padding="same",
        manifold=None,
        rng=0,
        dtype=None,
        name="conv",
    ):
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
        scale = np.sqrt(2 / rows)
        weight = np.random.default_rng(rng).normal(scale=scale, size=(outputs, rows)).astype(dtype)
        if manifold is not None:
            weight = manifold.project(weight).eval(mode="FAST_COMPILE")
        self.inputs, self.kernel, self.stride = inputs, kernel, stride
        self.padding = named.get(padding, (padding, padding))
        self.weight = parameter(weight, manifold, name=f"{name}/weight")
        self.params = [self.weight]

    def __call__(self, x):
        if x.type.ndim != 4 or x.type.shape[1] != self.inputs or None in x.type.shape[2:]:
            raise ValueError(
                f"Conv2D: x must be (B, {self.inputs}, H, W) with static H and W, "
                f"got shape {x.type.shape}"
            )
        height, width = (_reach(size, self) for size in x.type.shape[2:])
        if min(len(height), len(width)) < 1:
            raise ValueError(
                f"Conv2D: x must not be smaller than the kernel, {self.kernel}, without its "
                f"padding, {self.padding}, got shape {x.type.shape}"
            )
        batch = x.shape[0] if x.type.shape[0] is None else x.type.shape[0]
        outputs, taps = self.weight.type.shape[0], self.kernel**2
        columns = _columns(x, batch, height, width)
        filters = pt.reshape(self.weight, (outputs, self.inputs, taps)).transpose(0, 2, 1)
        pixels = columns @ pt.reshape(filters, (outputs, taps * self.inputs)).T
        shape = (batch, len(height), len(width), outputs)
        return pt.reshape(pixels, shape).transpose(0, 3, 1, 2)


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
