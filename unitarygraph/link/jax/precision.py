"""What width JAX computes in, and that no float64 graph is computed in float32 unseen.

JAX holds 32-bit numbers unless its flag ``jax_enable_x64`` is set. PyTensor sets the flag by floatX
when its JAX linker is first loaded; a graph may have another dtype than floatX.
"""

from importlib import import_module

import jax
import jax.numpy as jnp


def arrays_of(op, node, inputs):
    """Inputs as JAX arrays of the dtypes that the graph declares.

    float64 in the place of float32 is rounded: with 64 bits PyTensor's sums of float32 come in their
    accumulator's float64. float32 in the place of float64 is refused with TypeError.
    """
    arrays = []
    for x, variable in zip(inputs, node.inputs, strict=True):
        x, declared = jnp.asarray(x), variable.type.dtype
        if declared == "float64" and x.dtype.name != "float64":
            raise TypeError(
                f"{type(op).__name__} on JAX: the graph is float64, JAX computes in {x.dtype}; call "
                'jax.config.update("jax_enable_x64", True) before the first call, or build the '
                "graph in float32 (PyTensor sets the flag by floatX when it loads its JAX linker)"
            )
        arrays.append(x.astype(declared))
    return arrays


def set_width(dtype):
    """Let JAX compute in 64 bits for float64 and in 32 bits for float32 from now on.

    PyTensor sets the flag when its JAX linker is first loaded, so that comes first.
    """
    import_module("pytensor.link.jax.dispatch")
    jax.config.update("jax_enable_x64", dtype == "float64")
