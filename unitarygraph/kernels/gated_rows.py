"""What gated recurrences do with one sample of one step, entry by entry.

Each loop has one result and reads few arrays, so that LLVM makes vectors of it. ``x`` is a row of all
gates' blocks of n; where its values were activated, they are what the names of gates say.
"""

from numba import njit

from unitarygraph.kernels.options import FAST_INNER
from unitarygraph.kernels.tanh import sigmoid, tanh


@njit(**FAST_INNER)
def sigmoid_of_sum(x, bias):
    """x = sigmoid(x + bias)."""
    for j in range(len(x)):
        x[j] = sigmoid(x[j] + bias[j])


@njit(**FAST_INNER)
def tanh_of_sum(x, bias):
    """x = tanh(x + bias)."""
    for j in range(len(x)):
        x[j] = tanh(x[j] + bias[j])


@njit(**FAST_INNER)
def lstm_row(x, bias, c_before, c, h):
    """From pre-activations x the gates i, f, g, o in place, the cell c and the state h."""
    n = len(h)
    sigmoid_of_sum(x[: 2 * n], bias[: 2 * n])
    tanh_of_sum(x[2 * n : 3 * n], bias[2 * n : 3 * n])
    sigmoid_of_sum(x[3 * n :], bias[3 * n :])
    i, f, g, o = x[:n], x[n : 2 * n], x[2 * n : 3 * n], x[3 * n :]
    for j in range(n):
        c[j] = f[j] * c_before[j] + i[j] * g[j]
    for j in range(n):
        h[j] = o[j] * tanh(c[j])


@njit(**FAST_INNER)
def lstm_slope_row(x, c_before, c, h_bar, c_bar, x_bar, one):
    """Cotangents x_bar of the pre-activations, and c_bar that of the cell before; h_bar is spent.

    x_bar may not be x.
    """
    n = len(c)
    i, f, g, o = x[:n], x[n : 2 * n], x[2 * n : 3 * n], x[3 * n :]
    i_bar, f_bar, g_bar, o_bar = (
        x_bar[:n],
        x_bar[n : 2 * n],
        x_bar[2 * n : 3 * n],
        x_bar[3 * n :],
    )
    for j in range(n):
        g_bar[j] = tanh(c[j])
    for j in range(n):
        o_bar[j] = h_bar[j] * g_bar[j] * (o[j] * (one - o[j]))
    for j in range(n):
        c_bar[j] += h_bar[j] * o[j] * (one - g_bar[j] * g_bar[j])
    for j in range(n):
        f_bar[j] = c_bar[j] * c_before[j] * (f[j] * (one - f[j]))
    for j in range(n):
        i_bar[j] = c_bar[j] * g[j] * (i[j] * (one - i[j]))
    for j in range(n):
        g_bar[j] = c_bar[j] * i[j] * (one - g[j] * g[j])
    for j in range(n):
        c_bar[j] *= f[j]
    for j in range(n):
        h_bar[j] = 0


@njit(**FAST_INNER)
def scale(x, h, y):
    """y = x h for one factor and the planes of h, one after another."""
    n = len(x)
    for p in range(0, len(h), n):
        a, b = h[p : p + n], y[p : p + n]
        for j in range(n):
            b[j] = x[j] * a[j]


@njit(**FAST_INNER)
def add_scaled(x, h, y):
    """y += x h, likewise."""
    n = len(x)
    for p in range(0, len(h), n):
        a, b = h[p : p + n], y[p : p + n]
        for j in range(n):
            b[j] += x[j] * a[j]


@njit(**FAST_INNER)
def mix(z, h, f, y, one):
    """y = z h + (1 - z) f, likewise; y may be f."""
    n = len(z)
    for p in range(0, len(h), n):
        a, b, c = h[p : p + n], f[p : p + n], y[p : p + n]
        for j in range(n):
            c[j] = z[j] * a[j] + (one - z[j]) * b[j]


@njit(**FAST_INNER)
def mix_slope(z, h, f, y_bar, z_bar, f_bar, one):
    """Cotangent z_bar of the pre-activation of z = sigmoid(.) and f_bar; y_bar becomes that of h."""
    n = len(z)
    for j in range(n):
        z_bar[j] = 0
    for p in range(0, len(h), n):
        a, b, g = h[p : p + n], f[p : p + n], y_bar[p : p + n]
        for j in range(n):
            z_bar[j] += g[j] * (a[j] - b[j])
    for j in range(n):
        z_bar[j] *= z[j] * (one - z[j])
    for p in range(0, len(h), n):
        g, e = y_bar[p : p + n], f_bar[p : p + n]
        for j in range(n):
            e[j] = (one - z[j]) * g[j]
        for j in range(n):
            g[j] *= z[j]


@njit(**FAST_INNER)
def factor_slope(r, h, y_bar, r_bar, one):
    """Cotangent r_bar of the pre-activation of r = sigmoid(.) in y = r h, summed over planes."""
    n = len(r)
    for j in range(n):
        r_bar[j] = 0
    for p in range(0, len(h), n):
        a, g = h[p : p + n], y_bar[p : p + n]
        for j in range(n):
            r_bar[j] += g[j] * a[j]
    for j in range(n):
        r_bar[j] *= r[j] * (one - r[j])


@njit(**FAST_INNER)
def tanh_slope(y, y_bar, one):
    """y_bar becomes the cotangent of x in y = tanh(x)."""
    for j in range(len(y)):
        y_bar[j] *= one - y[j] * y[j]


@njit(**FAST_INNER)
def modrelu_of_sum(x, bias, offset, zero):
    """x = sign(q) max(|q| + offset, 0) of q = x + bias."""
    for j in range(len(x)):
        q = x[j] + bias[j]
        a = abs(q) + offset[j]
        a = zero if a <= zero or q == zero else a
        x[j] = -a if q < zero else a


@njit(**FAST_INNER)
def modrelu_slope(y, y_bar, offset_bar, zero):
    """y_bar becomes the cotangent of q, offset_bar is that of the offset, from the value y."""
    for j in range(len(y)):
        y_bar[j] = zero if y[j] == zero else y_bar[j]
    for j in range(len(y)):
        offset_bar[j] = -y_bar[j] if y[j] < zero else y_bar[j]
