"""Layers of Givens rotations as graphs of PyTensor's own Ops: what higher derivatives are made of."""

import numpy as np
import pytensor.tensor as pt

from unitarygraph.stacked.functions import mul, stack


def rotations_graph(field, style, h, theta, phi=None):
    """`unitarygraph.ops.rotations.rotations`, about ten nodes a layer; static shapes only."""
    for layer in range(_layers(h, theta)):
        pairs = Pairs(style, layer, h.type.shape[-1], h.type.dtype)
        a = h if phi is None else _turn_phase(h, pairs.phase(phi, layer))
        t = pairs.angle(theta, layer)
        h = a * pt.cos(t) + a[..., pairs.partner] * (pt.sin(t) * pairs.sign)
    return h


def rotations_grad_graph(field, style, y, y_bar, theta, phi=None):
    """Outputs of `unitarygraph.ops.rotations.RotationsGrad`, likewise."""
    thetas, phis = [], []
    rows = list(range(-3 if field == "complex" else -2, -1))
    for layer in reversed(range(_layers(y, theta))):
        pairs = Pairs(style, layer, y.type.shape[-1], y.type.dtype)
        t = pairs.angle(theta, layer)
        cos, sin = pt.cos(t), pt.sin(t) * pairs.sign
        thetas.append(pairs.sums((y_bar * y[..., pairs.partner] * pairs.sign).sum(axis=rows)))
        y, y_bar = (z * cos - z[..., pairs.partner] * sin for z in (y, y_bar))
        if phi is not None:
            re, im = y[..., 0, :, :], y[..., 1, :, :]
            re_bar, im_bar = y_bar[..., 0, :, :], y_bar[..., 1, :, :]
            turned = ((im_bar * re - re_bar * im) * pairs.first).sum(axis=-2)
            phis.append(pairs.sums(turned))
            back = -pairs.phase(phi, layer)
            y, y_bar = _turn_phase(y, back), _turn_phase(y_bar, back)
    joined = [
        pt.stack(bars[::-1], axis=-2) if bars else pt.zeros_like(theta)
        for bars in (thetas, phis)[: 1 if phi is None else 2]
    ]
    return [y_bar, *joined]


class Pairs:
    """Which coordinates a layer pairs, as constants over the n coordinates."""

    def __init__(self, style, layer, n, dtype):
        first, second = pairs_of(style, layer, n)
        self.count, self.pairs = len(first), n // 2
        self.partner = np.arange(n)
        self.partner[first], self.partner[second] = second, first
        self.index = np.zeros(n, int)
        self.index[first] = self.index[second] = np.arange(len(first))
        self.sign = np.zeros(n, dtype)
        self.sign[first], self.sign[second] = 1, -1
        self.first = np.maximum(self.sign, 0)
        self.places = first, second

    def angle(self, theta, layer):
        """Angle of each coordinate's pair, 0 for one without: ``(..., 1, n)``."""
        return self._spread(theta, layer) * np.abs(self.sign)

    def phase(self, phi, layer):
        """Phase of the first coordinate of each pair, 0 for others: ``(..., 1, n)``."""
        return self._spread(phi, layer) * self.first

    def _spread(self, angles, layer):
        if not self.count:
            shape = (*(1,) * (angles.type.ndim - 2), 1, len(self.sign))
            return pt.zeros(shape, dtype=angles.type.dtype)
        return pt.expand_dims(angles[..., layer, :][..., self.index], -2)

    def sums(self, values):
        """Sum over each pair of values over coordinates, ``(..., n) -> (..., n // 2)``."""
        first, second = self.places
        both = values[..., first] + values[..., second]
        missing = self.pairs - self.count
        if not missing:
            return both
        return pt.concatenate([both, pt.zeros_like(values[..., :missing])], axis=-1)


def pairs_of(style, layer, n):
    """First and second coordinates of the pairs of a layer, in the order of its angles."""
    if style == "fft":
        stride = n >> (layer + 1)
        first = np.arange(n).reshape(1 << layer, 2, stride)[:, 0].ravel()
        return first, first + stride
    first = np.arange(layer % 2, n - 1, 2)
    return first, first + 1


def _turn_phase(z, angle):
    """Complex entries of z times e^{i angle}, the angle ``(..., 1, n)``."""
    return mul(z, stack(pt.cos(angle), pt.sin(angle)))


def _layers(h, theta):
    layers, n = theta.type.shape[-2], h.type.shape[-1]
    if layers is None or n is None:
        raise NotImplementedError(
            "rotations: derivatives forward and of order two need static numbers of layers and "
            f"coordinates, got theta of shape {theta.type.shape} and h of shape {h.type.shape}"
        )
    return layers
