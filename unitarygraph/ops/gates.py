r"""Hyperbolic tangent and logistic function for the gates of recurrent cells.

Values and gradients are those of PyTensor's, but each tanh is a loop of its own: fused with its
neighbors, several of them make a loop body that LLVM calls entry by entry, where alone one is
computed for as many entries at once as the machine has lanes (`unitarygraph.link.numba.tanh`).
"""

import numpy as np
from pytensor.scalar.basic import Tanh, upgrade_to_float
from pytensor.tensor.elemwise import Elemwise


class GateTanh(Tanh):
    """Tanh that loop fusion, which takes only Ops with C code, does not fuse."""

    def pullback(self, inputs, outputs, cotangents):
        """From the value itself: :math:`g (1 - y^2)`."""
        return [cotangents[0] * (1 - outputs[0] * outputs[0])]

    def c_code(self, *args, **kwargs):
        raise NotImplementedError


#: elementwise hyperbolic tangent, of x's shape and dtype
tanh = Elemwise(GateTanh(upgrade_to_float, name="gate_tanh"))


def sigmoid(x):
    r"""Logistic function :math:`\sigma(x) = (1 + \tanh(x / 2)) / 2`, of x's shape and dtype."""
    half = np.asarray(0.5, x.type.dtype)
    return half * tanh(half * x) + half
