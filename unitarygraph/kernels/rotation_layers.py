"""Layers of Givens rotations on rows in lanes, forward and back, and phases of coordinates.

Arrays are those of `kernels.lane_rows`, so that a rotation is arithmetic on registers, with the same
numbers for all rows, whatever the coordinates of a pair. Its block is as in
`unitarygraph.ops.rotations`: x' = c a + s y and y' = c y - s a with a = e^{i phi} x. The coefficients of
a pair, c, s, cos phi, sin phi (real: the first two), stand side by side, in the order in which angles are
stored.
"""

from numba import njit

from unitarygraph.kernels.options import INNER as OPTIONS
from unitarygraph.kernels.small.lane_numbers import conj, entry, imag, put_entry, real, times_i


@njit(**OPTIONS)
def pairs_of(layer, n, fft):
    """Pair k of a layer is first + 2 d (k // d) + k mod d and what stands d behind: first, d, pairs."""
    if fft:
        return 0, n >> (layer + 1), n // 2
    return layer % 2, 1, (n - layer % 2) // 2


@njit(**OPTIONS)
def rotate_layers(h, n, layers, fft, turns, coefficients):
    """h through all layers; ``coefficients (layers, n // 2, 2 or 4)``, ``turns`` where they have phi."""
    for layer in range(layers):
        first, distance, count = pairs_of(layer, n, fft)
        for block in range(0, count, distance):
            for pair in range(block, block + distance):
                i = first + block + pair
                j = i + distance
                k = coefficients[layer, pair]
                c, s = k[0], k[1]
                x, y = entry(h, i), entry(h, j)
                if turns:
                    x = k[2] * x + k[3] * times_i(x)
                put_entry(h, i, c * x + s * y)
                put_entry(h, j, c * y - s * x)


@njit(**OPTIONS)
def rotate_layers_back(h, h_bar, n, layers, fft, turns, coefficients, theta_bar, phi_bar):
    """h and its cotangent back through all layers; those of angles ``(layers n // 2, L)`` added to."""
    for layer in range(layers - 1, -1, -1):
        first, distance, count = pairs_of(layer, n, fft)
        angles = layer * (n // 2)
        for block in range(0, count, distance):
            for pair in range(block, block + distance):
                i = first + block + pair
                j = i + distance
                k = coefficients[layer, pair]
                c, s = k[0], k[1]
                x, y, x_bar, y_bar = entry(h, i), entry(h, j), entry(h_bar, i), entry(h_bar, j)
                turned = real(conj(x_bar) * y) - real(conj(y_bar) * x)
                put_entry(theta_bar, angles + pair, entry(theta_bar, angles + pair) + turned)
                put_entry(h, j, s * x + c * y)
                put_entry(h_bar, j, s * x_bar + c * y_bar)
                x = c * x - s * y
                x_bar = c * x_bar - s * y_bar
                if turns:
                    turned = imag(conj(x) * x_bar)
                    put_entry(phi_bar, angles + pair, entry(phi_bar, angles + pair) + turned)
                    x = k[2] * x - k[3] * times_i(x)
                    x_bar = k[2] * x_bar - k[3] * times_i(x_bar)
                put_entry(h, i, x)
                put_entry(h_bar, i, x_bar)


@njit(**OPTIONS)
def turn(h, n, phases):
    """Coordinates times e^{i omega}; ``phases (n, 2)`` are cos omega and sin omega."""
    for i in range(n):
        x = entry(h, i)
        put_entry(h, i, phases[i, 0] * x + phases[i, 1] * times_i(x))


@njit(**OPTIONS)
def turn_back(h, h_bar, n, phases, omega_bar):
    """h and its cotangent times e^{-i omega}; that of omega, ``(n, L)``, added to."""
    for i in range(n):
        x, x_bar = entry(h, i), entry(h_bar, i)
        put_entry(omega_bar, i, entry(omega_bar, i) + imag(conj(x) * x_bar))
        put_entry(h, i, phases[i, 0] * x - phases[i, 1] * times_i(x))
        put_entry(h_bar, i, phases[i, 0] * x_bar - phases[i, 1] * times_i(x_bar))
