"""Layers of Givens rotations in NumPy, in the halves that keep every access contiguous.

Coordinates are held as two arrays (first, second), of which a layer rotates pair k, ``first[k]`` with
``second[k]``. Tunable: the even and the odd coordinates; a layer of the other kind pairs ``odd[k]`` with
``even[k + 1]``. FFT: the lower and the upper half; after each layer but the last a perfect shuffle
brings the next stride's pairs together, and the last leaves the even and odd coordinates.
"""

import numpy as np


def rotate(x, angles, style):
    """Rows x ``(..., b, n)`` (planes first) through all layers; theta (and phi), each ``(L, p)``."""
    layers = len(angles[0])
    halves = _split(x, _start(style, layers))
    for layer in range(layers):
        _turn(*_paired(halves, layer, style), *_coefficients(angles, layer, style, x.shape[-1]))
        if style == "fft" and layer < layers - 1:
            halves = _shuffle(*halves)
    return _merge(x, *halves, "tunable")


def rotate_back(y, y_bar, angles, style):
    """Cotangents of x and of each of the angles, from the result y of `rotate` and its cotangent.

    The layers run backward and rebuild their own input: none is stored.
    """
    layers, n = len(angles[0]), y.shape[-1]
    bars = [np.zeros_like(a) for a in angles]
    halves = _split(np.stack([y, y_bar]), "tunable")
    for layer in reversed(range(layers)):
        if style == "fft" and layer < layers - 1:
            halves = _unshuffle(*halves)
        i, j = _paired(halves, layer, style)
        c, s, *phase = _coefficients(angles, layer, style, n)
        _store(bars[0][layer], _inner(i[1], j[0]) - _inner(j[1], i[0]), layer, style, n)
        a = c * i
        a -= s * j
        j *= c
        i *= s
        j += i
        if phase:
            p, q = phase
            re, im = a[:, 0], a[:, 1]
            _store(bars[1][layer], _inner(im[1], re[0]) - _inner(re[1], im[0]), layer, style, n)
            np.multiply(a, p, out=i)
            i[:, 0] += q * im
            i[:, 1] -= q * re
        else:
            i[...] = a
    return _merge(y, *(half[1] for half in halves), _start(style, layers)), *bars


def _turn(i, j, c, s, p=None, q=None):
    """One layer in place: a = e^{i phi} i, then (c a + s j, c j - s a)."""
    a = i.copy() if p is None else i * p
    if p is not None:
        a[0] -= i[1] * q
        a[1] += i[0] * q
    np.multiply(a, c, out=i)
    i += j * s
    j *= c
    a *= s
    j -= a


def _coefficients(angles, layer, style, n):
    """Cosine and sine of each angle of a layer, for the pairs as the halves hold them."""
    rows = [_load(a[layer], layer, style, n) for a in angles]
    return [f(row) for row in rows for f in (np.cos, np.sin)]


def _load(row, layer, style, n):
    if style == "fft":
        return row.reshape(1 << layer, n >> (layer + 1)).T.ravel()
    return row[: (n - layer % 2) // 2]


def _store(row, values, layer, style, n):
    if style == "fft":
        row.reshape(1 << layer, n >> (layer + 1))[...] = values.reshape(-1, 1 << layer).T
    else:
        row[: values.size] = values


def _paired(halves, layer, style):
    """The halves as the pairs of a layer, views."""
    first, second = halves
    if style == "fft" or not layer % 2:
        count = second.shape[-1]
        return first[..., :count], second
    count = first.shape[-1] - 1
    return second[..., :count], first[..., 1:]


def _inner(a, b):
    """Sum of a b over all axes but the last."""
    return (a * b).sum(axis=tuple(range(a.ndim - 1)))


def _places(n, style):
    """Where the halves stand among the coordinates."""
    if style == "fft":
        return slice(n // 2), slice(n // 2, n)
    return slice(0, n, 2), slice(1, n, 2)


def _start(style, layers):
    """Which halves come before the first layer; even and odd coordinates come after the last."""
    return style if layers else "tunable"


def _split(x, style):
    # Copies, as they are turned in place: half of a single row would be contiguous as it is.
    return tuple(x[..., place].copy() for place in _places(x.shape[-1], style))


def _merge(like, first, second, style):
    x = np.empty(like.shape, like.dtype)
    for place, half in zip(_places(x.shape[-1], style), (first, second), strict=True):
        x[..., place] = half
    return x


def _shuffle(first, second):
    """The lower halves of both, interleaved, and the upper halves."""
    middle = first.shape[-1] // 2
    return tuple(
        np.stack([first[..., part], second[..., part]], axis=-1).reshape(first.shape)
        for part in (slice(middle), slice(middle, None))
    )


def _unshuffle(first, second):
    return tuple(np.concatenate([first[..., k::2], second[..., k::2]], axis=-1) for k in (0, 1))
