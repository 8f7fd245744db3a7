"""The activations of complex numbers and their slopes, compiled for rows, chosen by number.

The definitions are `unitarygraph.ops.activations`; a slope is a function of z = x + i y. The offset b is
modReLU's, or Hirose's m. A name's number is its place in `NAMES`.
"""

import numpy as np
from numba import njit

from unitarygraph.kernels.options import FAST_INNER
from unitarygraph.kernels.tanh import tanh
from unitarygraph.ops.activations import LEAKY_SLOPE, MODRELU_EPS

NAMES = (
    "modrelu",
    "relu",
    "crelu",
    "zrelu",
    "leaky_relu",
    "cardioid",
    "hirose",
    "tanh",
    "identity",
)
MODRELU, RELU, CRELU, ZRELU, LEAKY, CARDIOID, HIROSE, TANH, IDENTITY = range(len(NAMES))
#: places of the numbers that the loops compute with, in the dtype
ZERO, ONE, HALF, EPS, LEAK, LEAST, SMALL = range(7)
THIRD, SECOND, LAST, SLOPE_FIRST, SLOPE_SECOND, SLOPE_LAST, TWO = range(7, 14)


def constants_of(dtype):
    """The numbers at those places, a tuple of the dtype's."""
    least = np.finfo(dtype).tiny ** (2 / 3)
    numbers = 0, 1, 0.5, MODRELU_EPS, LEAKY_SLOPE, least, 1e-4
    series = 1 / 3, 2 / 15, 17 / 315, 2 / 3, 8 / 15, 34 / 105, 2
    return tuple(dtype(number) for number in (*numbers, *series))


@njit(**FAST_INNER)
def modrelu_scale(x, y, b, s, k):
    """s = max(m + b, 0) / m."""
    for j in range(len(s)):
        m = np.sqrt(x[j] * x[j] + y[j] * y[j] + k[EPS])
        a = m + b[j]
        s[j] = k[ZERO] if a <= k[ZERO] else a / m


@njit(**FAST_INNER)
def cardioid_scale(x, y, s, k):
    """s = (1 + x / m) / 2."""
    for j in range(len(s)):
        square = x[j] * x[j] + y[j] * y[j]
        m = np.sqrt(k[LEAST] if square < k[LEAST] else square)
        s[j] = k[HALF] * (k[ONE] + x[j] / m)


@njit(**FAST_INNER)
def hirose_scale(x, y, b, s, k):
    """s = tanh(r) / (r m^2), r = |z| / m^2; near 0 by its series."""
    for j in range(len(s)):
        unit = b[j] * b[j]
        u, v = x[j] / unit, y[j] / unit
        square = u * u + v * v
        r = np.sqrt(k[ONE] if square < k[SMALL] else square)
        series = k[ONE] - square * (k[THIRD] - square * (k[SECOND] - square * k[LAST]))
        s[j] = (series if square < k[SMALL] else tanh(r) / r) / unit


@njit(**FAST_INNER)
def scaled(x, y, s, u, v):
    """u + i v = s (x + i y)."""
    for j in range(len(s)):
        u[j] = s[j] * x[j]
    for j in range(len(s)):
        v[j] = s[j] * y[j]


@njit(**FAST_INNER)
def split_value(number, x, u, k):
    """u = f(x) of one plane."""
    if number in (RELU, CRELU):
        for j in range(len(x)):
            u[j] = k[ZERO] if x[j] <= k[ZERO] else x[j]
    elif number == LEAKY:
        for j in range(len(x)):
            u[j] = k[LEAK] * x[j] if x[j] <= k[ZERO] else x[j]
    elif number == TANH:
        for j in range(len(x)):
            u[j] = tanh(x[j])
    else:
        for j in range(len(x)):
            u[j] = x[j]


@njit(**FAST_INNER)
def split_slope(number, x, g, k):
    """g becomes the cotangent of x, of one plane."""
    if number in (RELU, CRELU):
        for j in range(len(x)):
            g[j] = k[ZERO] if x[j] <= k[ZERO] else g[j]
    elif number == LEAKY:
        for j in range(len(x)):
            g[j] = k[LEAK] * g[j] if x[j] <= k[ZERO] else g[j]
    elif number == TANH:
        for j in range(len(x)):
            t = tanh(x[j])
            g[j] *= k[ONE] - t * t


@njit(**FAST_INNER)
def complex_value(number, z, b, s, f, k):
    """f = f(z), rows [Re z, Im z]; s is a row of n to work in."""
    n = len(s)
    x, y, u, v = z[:n], z[n:], f[:n], f[n:]
    if number == MODRELU:
        modrelu_scale(x, y, b, s, k)
        scaled(x, y, s, u, v)
    elif number == CARDIOID:
        cardioid_scale(x, y, s, k)
        scaled(x, y, s, u, v)
    elif number == HIROSE:
        hirose_scale(x, y, b, s, k)
        scaled(x, y, s, u, v)
    elif number == ZRELU:
        for j in range(n):
            inside = x[j] >= k[ZERO] and y[j] >= k[ZERO]
            u[j] = x[j] if inside else k[ZERO]
            v[j] = y[j] if inside else k[ZERO]
    else:
        split_value(number, x, u, k)
        split_value(number, y, v, k)


@njit(**FAST_INNER)
def modrelu_slope(x, y, b, g, h, e, k):
    """z_bar = s f_bar - b z Re(conj(z) f_bar) / m^3, in place of f_bar = g + i h; e is b_bar."""
    for j in range(len(x)):
        m = np.sqrt(x[j] * x[j] + y[j] * y[j] + k[EPS])
        a = m + b[j]
        along = (x[j] * g[j] + y[j] * h[j]) / m
        dead = a <= k[ZERO]
        scale, turn = a / m, b[j] * along / (m * m)
        g[j] = k[ZERO] if dead else scale * g[j] - turn * x[j]
        h[j] = k[ZERO] if dead else scale * h[j] - turn * y[j]
        e[j] = k[ZERO] if dead else along


@njit(**FAST_INNER)
def cardioid_slope(x, y, g, h, k):
    """Likewise, with s = (1 + x / m) / 2."""
    for j in range(len(x)):
        square = x[j] * x[j] + y[j] * y[j]
        below = square < k[LEAST]
        m = np.sqrt(k[LEAST] if below else square)
        u, v = x[j] / m, y[j] / m
        scale, overlap = k[HALF] * (k[ONE] + u), k[HALF] * (x[j] * g[j] + y[j] * h[j]) / m
        g[j] = scale * g[j] + (overlap if below else overlap * v * v)
        h[j] = scale * h[j] - (k[ZERO] if below else overlap * u * v)


@njit(**FAST_INNER)
def hirose_slope(x, y, b, g, h, e, k):
    """Likewise, with s = tanh(r) / r of w = z / m^2; e is m_bar."""
    for j in range(len(x)):
        unit = b[j] * b[j]
        u, v = x[j] / unit, y[j] / unit
        square = u * u + v * v
        small = square < k[SMALL]
        safe = k[ONE] if small else square
        r = np.sqrt(safe)
        t = tanh(r)
        series = k[ONE] - square * (k[THIRD] - square * (k[SECOND] - square * k[LAST]))
        rise = square * (k[SLOPE_SECOND] - square * k[SLOPE_LAST]) - k[SLOPE_FIRST]
        scale = series if small else t / r
        turn = (rise if small else (k[ONE] - t * t - t / r) / safe) * (u * g[j] + v * h[j])
        u_bar, v_bar = scale * g[j] + turn * u, scale * h[j] + turn * v
        e[j] = -k[TWO] / b[j] * (u * u_bar + v * v_bar)
        g[j], h[j] = u_bar / unit, v_bar / unit


@njit(**FAST_INNER)
def complex_slope(number, z, b, f_bar, e, k):
    """f_bar becomes z_bar, rows [Re, Im]; e is the offset's, where there is one."""
    n = len(e)
    x, y, g, h = z[:n], z[n:], f_bar[:n], f_bar[n:]
    if number == MODRELU:
        modrelu_slope(x, y, b, g, h, e, k)
    elif number == CARDIOID:
        cardioid_slope(x, y, g, h, k)
    elif number == HIROSE:
        hirose_slope(x, y, b, g, h, e, k)
    elif number == ZRELU:
        for j in range(n):
            inside = x[j] >= k[ZERO] and y[j] >= k[ZERO]
            g[j] = g[j] if inside else k[ZERO]
            h[j] = h[j] if inside else k[ZERO]
    else:
        split_slope(number, x, g, k)
        split_slope(number, y, h, k)
