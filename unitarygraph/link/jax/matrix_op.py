"""Every `MatrixOp` on JAX: the kernel, and for `jax.grad` the Op's own pullback.

JAX cannot raise inside compiled code: a matrix that an Op refuses for its values comes out as NaN.
"""

from functools import cache

import jax
import jax.numpy as jnp
import pytensor.tensor as pt
from pytensor.gradient import disconnected_type
from pytensor.graph.fg import FunctionGraph
from pytensor.link.jax.dispatch.basic import jax_funcify

from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.core.tangents import is_connected
from unitarygraph.link.evaluate import array_of, evaluate
from unitarygraph.link.jax import namespace
from unitarygraph.link.jax.precision import arrays_of
from unitarygraph.stacked.view import View


@jax_funcify.register(MatrixOp)
def jax_matrix_op(op, node, **kwargs):
    """Function of any MatrixOp."""
    array_of(op)
    function = differentiable(op)

    def matrix_op(*inputs):
        outputs = function(*arrays_of(op, node, inputs))
        return outputs if len(outputs) > 1 else outputs[0]

    return matrix_op


@cache
def differentiable(op):
    """Outputs of an Op, a tuple; JAX differentiates it backward, any number of times."""

    @jax.custom_vjp
    def value(*inputs):
        outputs, refused = evaluate(namespace, op, inputs)
        if refused is not None:
            outputs = [
                jnp.where(refused[(..., *(None,) * slot.ndim)], jnp.nan, out)
                for slot, out in zip(op.slots[1], outputs, strict=True)
            ]
        return tuple(outputs)

    def value_and_memory(*inputs):
        outputs = value(*inputs)
        return outputs, (inputs, outputs)

    def pull_back(memory, cotangents):
        inputs, outputs = memory
        given = [*inputs, *outputs, *cotangents]
        shapes = tuple(tuple(x.shape) for x in given)
        function, connected = pullback_of(op, shapes, inputs[0].dtype.name)
        found = iter(function(*given))
        return tuple(
            next(found) if there else jnp.zeros_like(x)
            for x, there in zip(inputs, connected, strict=True)
        )

    value.defvjp(value_and_memory, pull_back)
    return value


@cache
def pullback_of(op, shapes, dtype):
    """JAX function of an Op's pullback graph, and which inputs it has a cotangent for."""
    given = [pt.tensor(dtype=dtype, shape=shape) for shape in shapes]
    count_in, count_out = (len(slots) for slots in op.slots)
    inputs, outputs = given[:count_in], given[count_in : count_in + count_out]
    names = op.results or ("",) * count_out
    cotangents = [
        disconnected_type() if name in op.internal else bar
        for name, bar in zip(names, given[count_in + count_out :], strict=True)
    ]
    bars = op.pullback(inputs, outputs, cotangents)
    connected = [is_connected(bar) for bar in bars]
    results = [bar for bar, there in zip(bars, connected, strict=True) if there]
    return jax_funcify(FunctionGraph(given, results, clone=True)), connected


@jax_funcify.register(View)
def jax_view(op, node, **kwargs):
    """The identity."""
    return lambda x: x
