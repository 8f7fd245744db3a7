"""Numba implementation of `GateTanh`: in float32 a quotient of polynomials, which vectorizes."""

import numpy as np
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_and_cache_key
from pytensor.link.numba.dispatch.scalar import scalar_op_cache_key

from unitarygraph.link.numba.cache import CACHE_VERSION
from unitarygraph.ops.gates import GateTanh

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


@register_funcify_and_cache_key(GateTanh)
def numba_gate_tanh(op, node, **kwargs):
    """The C library's tanh, which float64 keeps, is one call an entry."""
    dtype = node.inputs[0].type.dtype
    key = scalar_op_cache_key(op, cache_version=CACHE_VERSION, dtype=dtype)
    if dtype != "float32":
        return numba_njit(lambda x: np.tanh(x)), key
    p0, p1, p2, p3, p4, p5, p6 = P
    q0, q1, q2, q3 = Q
    first, last = -LAST, LAST

    @numba_njit
    def numba_gate_tanh(x):
        x = last if x > last else x
        x = first if x < first else x
        s = x * x
        above = ((((((p6 * s + p5) * s + p4) * s + p3) * s + p2) * s + p1) * s + p0) * x
        below = ((q3 * s + q2) * s + q1) * s + q0
        # numba's `/` tests for a zero divisor, and LLVM makes no vectors of a loop with that branch.
        return np.divide(above, below)

    return numba_gate_tanh, key
