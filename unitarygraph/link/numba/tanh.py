"""Numba implementation of `GateTanh`: the kernels' own, which in float32 vectorizes."""

from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_and_cache_key
from pytensor.link.numba.dispatch.scalar import scalar_op_cache_key

from unitarygraph.kernels.tanh import tanh
from unitarygraph.link.numba.cache import CACHE_VERSION
from unitarygraph.ops.gates import GateTanh


@register_funcify_and_cache_key(GateTanh)
def numba_gate_tanh(op, node, **kwargs):
    """`unitarygraph.kernels.tanh` of a number."""
    dtype = node.inputs[0].type.dtype

    @numba_njit
    def numba_gate_tanh(x):
        return tanh(x)

    return numba_gate_tanh, scalar_op_cache_key(op, cache_version=CACHE_VERSION, dtype=dtype)
