"""A rewrite of the gradient of input weights: the narrow factor of a long product comes second.

OpenBLAS (0.3.30, of SciPy 1.17) takes 240 ms for :math:`x^T z` of x (28160, 10) and z (28160, 512) in
float32, and 11 ms for :math:`z^T x`, which is its transpose.
"""

from pytensor.compile.mode import optdb
from pytensor.graph.rewriting.basic import copy_stack_trace, in2out, node_rewriter
from pytensor.tensor.elemwise import DimShuffle
from pytensor.tensor.math import Dot, dot


@node_rewriter([Dot])
def local_narrow_gram(fgraph, node):
    """x^T z, x known to have fewer columns than z, becomes (z^T x)^T."""
    left, z = node.inputs
    turned = left.owner is not None and isinstance(left.owner.op, DimShuffle)
    if not turned or tuple(left.owner.op.new_order) != (1, 0):
        return None
    narrow, wide = left.type.shape[0], z.type.shape[1]
    if narrow is None or wide is None or narrow < 2 or narrow >= wide:
        return None
    product = dot(z.T, left.owner.inputs[0]).T
    copy_stack_trace(node.outputs, product)
    return [product]


optdb.register(
    "unitarygraph_narrow_gram",
    in2out(local_narrow_gram, name="narrow_gram"),
    "fast_run",
    "unitarygraph",
    position=40,
)
