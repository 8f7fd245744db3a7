r"""The activations of complex states ``(B, 2, n)`` and their slopes, over an array namespace.

The definitions are `unitarygraph.ops.activations`; a slope is a function of z, as in
`unitarygraph.kernels.complex_activations`. The offset is modReLU's b or Hirose's m, ``(n,)``.
"""

from unitarygraph.ops.activations import LEAKY_SLOPE, MODRELU_EPS

#: below it, tanh(r)/r is its series in r^2
SMALL = 1e-4


def value(xp, name, z, offset):
    """f(z)."""
    x, y = z[:, 0], z[:, 1]
    if name == "zrelu":
        return xp.where(((x >= 0) & (y >= 0))[:, None], z, 0)
    if name in SPLIT:
        return SPLIT[name][0](xp, z)
    z = z / (offset * offset) if name == "hirose" else z
    return z * SCALES[name](xp, z[:, 0], z[:, 1], offset)[0][:, None]


def slope(xp, name, z, offset, bar):
    """Cotangents of z and, entry by entry, of the offset, None where f has none."""
    x, y = z[:, 0], z[:, 1]
    if name == "zrelu":
        return xp.where(((x >= 0) & (y >= 0))[:, None], bar, 0), None
    if name in SPLIT:
        return SPLIT[name][1](xp, z, bar), None
    unit = offset * offset if name == "hirose" else 1
    z = z / unit
    scale, along_x, along_y, along_offset = SCALES[name](xp, z[:, 0], z[:, 1], offset)
    # f = s(z) z, so that z_bar = s f_bar + Re(conj(z) f_bar) ds/dz.
    overlap = xp.sum(z * bar, 1)
    z_bar = scale[:, None] * bar + overlap[:, None] * xp.stack([along_x, along_y], 1)
    if name == "hirose":
        return z_bar / unit, -2 / offset * xp.sum(z * z_bar, 1)
    return z_bar, None if along_offset is None else along_offset * overlap


def modrelu(xp, x, y, b):
    """s = max(m + b, 0) / m, and its slopes in x, y and b."""
    m = xp.sqrt(x * x + y * y + MODRELU_EPS)
    dead = m + b <= 0
    scale, turn = xp.where(dead, 0, (m + b) / m), xp.where(dead, 0, -b / (m * m) / m)
    return scale, turn * x, turn * y, xp.where(dead, 0, 1 / m)


def cardioid(xp, x, y, b):
    """s = (1 + x / m) / 2."""
    square = x * x + y * y
    least = float(xp.finfo(x.dtype).tiny) ** (2 / 3)
    m = xp.sqrt(xp.where(square < least, least, square))
    u, v = x / m, y / m
    above = square >= least
    along_x = 0.5 * xp.where(above, v * v, 1) / m
    return 0.5 * (1 + u), along_x, xp.where(above, -0.5 * u * v / m, 0), None


def hirose(xp, x, y, b):
    """s = tanh(r) / r of z that was divided by m^2, and its slopes without that in m."""
    square = x * x + y * y
    small = square < SMALL
    safe = xp.where(small, xp.ones_like(square), square)
    r = xp.sqrt(safe)
    t = xp.tanh(r)
    series = 1 - square * (1 / 3 - square * (2 / 15 - square * (17 / 315)))
    series_slope = -2 / 3 + square * (8 / 15 - square * (34 / 105))
    scale = xp.where(small, series, t / r)
    turn = xp.where(small, series_slope, (1 - t * t - t / r) / safe)
    return scale, turn * x, turn * y, None


#: f(z) = s(z) z with a real s: ``(xp, x, y, offset) -> s``, its slopes in x, y and the offset
SCALES = {"modrelu": modrelu, "cardioid": cardioid, "hirose": hirose}


def relu(xp, z):
    """max(z, 0), NaN kept."""
    return xp.where(z <= 0, 0, z)


def relu_slope(xp, z, bar):
    """Back through `relu`."""
    return xp.where(z <= 0, 0, bar)


#: of real and imaginary part apart: value and slope
SPLIT = {
    "relu": (relu, relu_slope),
    "crelu": (relu, relu_slope),
    "leaky_relu": (
        lambda xp, z: xp.where(z <= 0, LEAKY_SLOPE * z, z),
        lambda xp, z, bar: xp.where(z <= 0, LEAKY_SLOPE * bar, bar),
    ),
    "tanh": (
        lambda xp, z: xp.tanh(z),
        lambda xp, z, bar: bar * (1 - xp.tanh(z) ** 2),
    ),
    "identity": (lambda xp, z: z, lambda xp, z, bar: bar),
}
