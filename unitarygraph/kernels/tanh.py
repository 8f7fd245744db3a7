"""Hyperbolic tangent and logistic function of one entry: in float32 loops over them become vectors.

Called in compiled code, also in that which PyTensor's linker makes of `unitarygraph.ops.gates`.
"""

import numpy as np
from numba import types
from numba.extending import overload

from unitarygraph.kernels.options import FAST_INNER

# x P(x^2) / Q(x^2), lowest powers first, as in the library Eigen; beyond LAST it is 1 in float32.
P = np.array(
    [
        4.89352455891786e-03,
        6.37261928875436e-04,
        1.48572235717979e-05,
        5.12229709037114e-08,
        -8.60467152213735e-11,
        2.00018790482477e-13,
        -2.76076847742355e-16,
    ],
    "float32",
)
Q = np.array(
    [4.89352518554385e-03, 2.26843463243900e-03, 1.18534705686654e-04, 1.19825839466702e-06],
    "float32",
)
LAST = np.float32(7.90531110763549805)
FIRST = -LAST
HALF, ONE = np.float32(0.5), np.float32(1)
P0, P1, P2, P3, P4, P5, P6 = P
Q0, Q1, Q2, Q3 = Q


def tanh(x):
    """Of a number in compiled code; float64 keeps the C library's, one call an entry."""
    return np.tanh(x)


def sigmoid(x):
    """Logistic function of a number in compiled code."""
    return 1 / (1 + np.exp(-x))


def single_tanh(x):
    """A quotient of polynomials."""
    x = LAST if x > LAST else x
    x = FIRST if x < FIRST else x
    s = x * x
    above = ((((((P6 * s + P5) * s + P4) * s + P3) * s + P2) * s + P1) * s + P0) * x
    below = ((Q3 * s + Q2) * s + Q1) * s + Q0
    # numba's `/` may test for a zero divisor, and LLVM makes no vectors of a loop with that branch.
    return np.divide(above, below)


def single_sigmoid(x):
    r""":math:`(1 + \tanh(x / 2)) / 2`."""
    return HALF * tanh(HALF * x) + HALF


def double_sigmoid(x):
    r""":math:`1 / (1 + e^{-x})`."""
    return np.divide(1.0, 1.0 + np.exp(-x))


@overload(tanh, jit_options=FAST_INNER)
def compiled_tanh(x):
    """What `tanh` compiles to."""
    return single_tanh if x == types.float32 else lambda x: np.tanh(x)


@overload(sigmoid, jit_options=FAST_INNER)
def compiled_sigmoid(x):
    """What `sigmoid` compiles to."""
    return single_sigmoid if x == types.float32 else double_sigmoid
