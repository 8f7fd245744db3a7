"""The mode KERNELS: graphs rewritten as for every fast mode, run by Python, node by node.

Nothing is compiled anew for a graph: our Ops call LAPACK, BLAS and kernels that are compiled once and
kept, PyTensor's call NumPy. A step takes as long as in NUMBA mode where its work is in arrays of some
size, and starts at once. Five kinds of nodes are exchanged for it:

- an Op that is a graph of others (softmax) becomes that graph: run whole, it would be compiled in
  PyTensor's own mode at its first call;
- a sum or product of more than two tensors becomes one of pairs, which NumPy has a function for;
- a cast becomes NumPy's ``astype``, in place of a loop over entries in Python;
- a product of matrices goes through SciPy's BLAS, as those of our Ops do: the threads of two libraries
  take each other's cores;
- a loop that Python would make, `Scan` or a function of scalars that NumPy lacks, is compiled by numba.
"""

import pytensor
from pytensor.compile.builders import OpFromGraph
from pytensor.compile.mode import OPT_FAST_RUN, Mode, optdb, register_mode
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.graph.rewriting.basic import copy_stack_trace, dfs_rewriter, node_rewriter
from pytensor.link.vm import VMLinker
from pytensor.scalar.basic import Add, Cast, Mul
from pytensor.scan.op import Scan
from pytensor.tensor.blas import BatchedDot
from pytensor.tensor.elemwise import DimShuffle, Elemwise
from pytensor.tensor.math import Dot
from pytensor.tensor.rewriting.ofg import inline_ofg_node

from unitarygraph.core.layout import REAL_DTYPES
from unitarygraph.stacked.ops import MatMul

NAME = "KERNELS"
_TAG = "unitarygraph_kernels"
# PyTensor's elementwise fusion makes functions that only a compiler can run, and its products of
# matrices call NumPy's BLAS.
_EXCLUDED = ("fusion", "cxx_only", "BlasOpt")


class AsType(Op):
    """A tensor in another dtype."""

    __props__ = ("dtype",)

    def __init__(self, dtype):
        self.dtype = dtype

    def make_node(self, x):
        return Apply(self, [x], [x.type.clone(dtype=self.dtype)()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0].astype(self.dtype)


class Compiled(Op):
    """One of PyTensor's Ops, by numba."""

    __props__ = ("op",)

    def __init__(self, op):
        self.op = op

    def make_node(self, *inputs):
        return Apply(self, list(inputs), [o.type() for o in self.op.make_node(*inputs).outputs])

    def prepare_node(self, node, storage_map, compute_map, impl):
        inputs = [x.type() for x in node.inputs]
        outputs = self.op.make_node(*inputs).outputs
        node.tag.function = pytensor.function(
            inputs, outputs, mode="NUMBA", on_unused_input="ignore", trust_input=True
        )

    def perform(self, node, inputs, output_storage):
        for storage, value in zip(output_storage, node.tag.function(*inputs), strict=True):
            storage[0] = value


def _exchange(*op_types):
    """Register a function ``node -> new output, list of outputs or None`` for this mode."""

    def decorator(new_outputs):
        @node_rewriter(list(op_types))
        def rewrite(fgraph, node):
            made = new_outputs(node)
            if made is None:
                return None
            made = made if isinstance(made, list) else [made]
            copy_stack_trace(node.outputs, made)
            return [
                out.type.filter_variable(new, allow_convert=True)
                for out, new in zip(node.outputs, made, strict=True)
            ]

        # after all that simplifies and before what is done in place
        position = 48.9
        optdb.register(new_outputs.__name__, dfs_rewriter(rewrite), _TAG, position=position)
        return new_outputs

    return decorator


@_exchange(OpFromGraph)
def graph_of_others(node):
    """The nodes that an Op stands for."""
    return inline_ofg_node(node)


@_exchange(Elemwise)
def entrywise_by_numpy(node):
    """Pairs of terms or factors; ``astype``; numba for what NumPy has no function for."""
    scalar_op, inputs = node.op.scalar_op, node.inputs
    if isinstance(scalar_op, Cast):
        return AsType(scalar_op.o_type.dtype)(*inputs)
    if isinstance(scalar_op, (Add, Mul)) and len(inputs) > 2:
        first, *rest = inputs
        for x in rest:
            first = Elemwise(scalar_op)(first, x)
        return first
    known = node.op.nfunc_spec
    if known is not None and known[1] == len(inputs):
        return None
    return Compiled(node.op)(*inputs, return_list=True)


@_exchange(Scan)
def scan_by_numba(node):
    """A loop over time, its steps compiled."""
    return Compiled(node.op)(*node.inputs, return_list=True)


@_exchange(Dot, BatchedDot)
def product_by_scipy(node):
    """A product of matrices by the BLAS of our Ops, transposes taken along."""
    a, b = node.inputs
    if a.type.ndim < 2 or b.type.ndim < 2:
        return None
    if a.type.dtype != b.type.dtype or a.type.dtype not in REAL_DTYPES:
        return None
    left, a = _untransposed(a)
    right, b = _untransposed(b)
    return MatMul("real", left, right)(a, b)


def _untransposed(x):
    """Whether a variable is visibly a transpose, and the matrix that it is the transpose of."""
    if x.owner is not None and isinstance(x.owner.op, DimShuffle):
        rank = x.type.ndim
        if tuple(x.owner.op.new_order) == (*range(rank - 2), rank - 1, rank - 2):
            return True, x.owner.inputs[0]
    return False, x


KERNELS = Mode(
    VMLinker(use_cloop=False, c_thunks=False),
    OPT_FAST_RUN.including(_TAG).excluding(*_EXCLUDED),
)
register_mode(NAME, KERNELS)
