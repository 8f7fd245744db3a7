"""Activations of rows in lanes and their slopes, in place; chosen by number, as in `kernels.activations`.

Arrays are those of `kernels.lane_rows`.
"""

from numba import njit

from unitarygraph.kernels.activations import number_of, slope, value
from unitarygraph.kernels.options import INNER as OPTIONS
from unitarygraph.kernels.small.lane_numbers import (
    choose,
    conj,
    entry,
    put_entry,
    real,
    size1,
    sqrt,
    square,
)

MODRELU = number_of("modrelu")


@njit(**OPTIONS)
def activate(number, h, bias, moduli, constant, eps):
    """f of all coordinates; of complex numbers the modReLU fills the ``moduli``."""
    if number != MODRELU:
        entries, zero = h.ravel(), constant - constant
        for j in range(len(entries)):
            entries[j] = value(number, entries[j], zero, zero, constant)
    elif len(moduli):
        for i in range(len(bias)):
            x = entry(h, i)
            m = sqrt(square(x) + eps)
            a = m + bias[i]
            put_entry(moduli, i, m)
            put_entry(h, i, choose(a <= 0, 0, a / m) * x)
    else:
        for i in range(len(bias)):
            x = entry(h, i)
            a = size1(x) + bias[i]
            a = choose(a <= 0, 0, a)
            put_entry(h, i, choose(real(x) > 0, a, choose(real(x) < 0, -a, x)))


@njit(**OPTIONS)
def activate_back(number, h, h_bar, bias, moduli, bias_bar, kept, constant):
    """h_bar, of h = f(z), becomes z_bar, in the lanes where ``kept`` is 1; 0 in others.

    The bias's cotangent, in lanes, is added to.
    """
    keep = entry(kept, 0) > 0
    if number != MODRELU:
        entries, entries_bar, zero = h.ravel(), h_bar.ravel(), constant - constant
        for j in range(len(entries)):
            entries_bar[j] = slope(number, entries[j], entries_bar[j], zero, constant)
        for i in range(h.shape[-2]):
            put_entry(h_bar, i, choose(keep, entry(h_bar, i), 0))
    elif len(moduli):
        # z = h m / (m + b) turns s g - b/m^3 z Re(conj(z) g) into s g - b/m 1/(m + b) e h,
        # with s = (m + b)/m and e = Re(conj(z) g)/m = Re(conj(h) g)/(m + b).
        for i in range(len(bias)):
            x, g, m = entry(h, i), entry(h_bar, i), entry(moduli, i)
            a = m + bias[i]
            part, whole = 1 / a, 1 / m
            e = real(conj(x) * g) * part
            z_bar = (a * g - (bias[i] * part * e) * x) * whole
            e, z_bar = choose(a <= 0, 0, e), choose(a <= 0, 0, z_bar)
            put_entry(bias_bar, i, entry(bias_bar, i) + choose(keep, e, 0))
            put_entry(h_bar, i, choose(keep, z_bar, 0))
    else:
        for i in range(len(bias)):
            x, g = real(entry(h, i)), choose(keep, entry(h_bar, i), 0)
            g = choose((x <= 0) & (x >= 0), 0, g)
            put_entry(bias_bar, i, entry(bias_bar, i) + choose(x < 0, -real(g), real(g)))
            put_entry(h_bar, i, g)
