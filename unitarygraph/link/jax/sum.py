"""Sums on JAX in their declared dtype."""

from pytensor.link.jax.dispatch.basic import jax_funcify
from pytensor.tensor.elemwise import CAReduce
from pytensor.tensor.math import Sum


@jax_funcify.register(Sum)
def jax_sum(op, node, **kwargs):
    """PyTensor's own sum, cast to the dtype that the graph says.

    PyTensor leaves it in the dtype of the accumulator, float64 for float32: what follows is then
    computed in float64, and `pytensor.scan` refuses states or gradients that change their dtype.
    """
    summed = jax_funcify.dispatch(CAReduce)(op, node=node, **kwargs)
    dtype = node.outputs[0].type.dtype

    def in_dtype(x):
        return summed(x).astype(dtype)

    return in_dtype
