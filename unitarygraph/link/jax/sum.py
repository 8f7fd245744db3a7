"""Sums on JAX in their declared dtype."""

from pytensor.link.jax.dispatch.basic import jax_funcify
from pytensor.tensor.math import Sum

#: what PyTensor runs for a sum by itself
OWN = jax_funcify.dispatch(Sum)


@jax_funcify.register(Sum)
def jax_sum(op, node, **kwargs):
    """PyTensor's own sum; cast to the dtype that the graph says where it ends in another one.

    PyTensor (3.0.7 to 3.3.8) leaves the sum in the dtype of the accumulator, float64 for float32:
    what follows is then computed in float64, and `pytensor.scan` refuses states or gradients that
    change their dtype. A sum whose two dtypes are one is what PyTensor made, untouched.
    """
    summed = OWN(op, node=node, **kwargs)
    dtype = node.outputs[0].type.dtype
    if op.acc_dtype in (None, dtype):
        return summed

    def in_dtype(x):
        return summed(x).astype(dtype)

    return in_dtype
