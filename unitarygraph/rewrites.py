"""Facts about matrices that a graph shows, and the rewrites that use them.

The keys extend `pytensor.assumptions`: SKEW_HERMITIAN and UNITARY speak of stacked complex matrices,
SKEW_SYMMETRIC and PyTensor's own ORTHOGONAL of plain real ones. The rewrites run with PyTensor's
canonical ones in every mode; ``mode.excluding("unitarygraph")`` leaves them out:

- ``hconj(hconj(x))`` becomes ``x``;
- a product takes the conjugate transposes of its factors upon itself;
- ``expm`` of a skew-Hermitian matrix, and its derivative, take the eigenvalue path;
- ``U^H U`` and ``U U^H`` of a unitary U become the identity. A deviation from unitarity is therefore
  measured on values (`unitarygraph.unitarity`), not in a graph that knows better.
"""

import pytensor.tensor as pt
from pytensor.assumptions import (
    ORTHOGONAL,
    AssumptionKey,
    FactState,
    check_assumption,
    register_assumption,
)
from pytensor.graph.rewriting.basic import copy_stack_trace, node_rewriter
from pytensor.scalar.basic import Add, Mul, Neg, Sub, TrueDiv
from pytensor.tensor.elemwise import DimShuffle, Elemwise
from pytensor.tensor.rewriting.basic import register_canonicalize, register_specialize

from unitarygraph.ops.cayley import Cayley
from unitarygraph.ops.expm.path import ExpmPath
from unitarygraph.ops.expm.skew import ExpmSkew, SkewFrechet
from unitarygraph.ops.logm import Logm
from unitarygraph.ops.newton_schulz import NewtonSchulz
from unitarygraph.ops.polar import Polar
from unitarygraph.ops.qr import QR
from unitarygraph.stacked.algebra import algebra
from unitarygraph.stacked.ops import HConj, MatMul

SKEW_HERMITIAN = AssumptionKey("unitarygraph_skew_hermitian", short_name="skewh")
SKEW_SYMMETRIC = AssumptionKey("unitarygraph_skew_symmetric", short_name="skew")
UNITARY = AssumptionKey("unitarygraph_unitary", short_name="unit")

SKEW = {"complex": SKEW_HERMITIAN, "real": SKEW_SYMMETRIC}
UNIT = {"complex": UNITARY, "real": ORTHOGONAL}
CORE_AXES = {SKEW_HERMITIAN: 3, SKEW_SYMMETRIC: 2}


def states(node, holds, output=0):
    """TRUE for one output when ``holds``, UNKNOWN for all else."""
    result = [FactState.UNKNOWN] * len(node.outputs)
    if holds:
        result[output] = FactState.TRUE
    return result


def is_adjoint_of(a, b, key):
    """Whether a variable is visibly the (conjugate) transpose of another."""
    if a.owner is None:
        return False
    op = a.owner.op
    if isinstance(op, HConj):
        return SKEW[op.field] is key and a.owner.inputs[0] is b
    if key is SKEW_SYMMETRIC and isinstance(op, DimShuffle):
        rank = b.type.ndim
        swapped = (*range(rank - 2), rank - 1, rank - 2)
        return tuple(op.new_order) == swapped and a.owner.inputs[0] is b
    return False


def negated(x):
    """The y of a variable that is visibly -y, else None."""
    if x.owner is None or not isinstance(x.owner.op, Elemwise):
        return None
    scalar_op, inputs = x.owner.op.scalar_op, x.owner.inputs
    if isinstance(scalar_op, Neg):
        return inputs[0]
    if isinstance(scalar_op, Mul) and len(inputs) == 2:
        for factor, other in (inputs, reversed(inputs)):
            data = getattr(factor, "data", None)
            if data is not None and data.size == 1 and data.item() == -1:
                return other
    return None


def is_scalar_factor(x, key):
    """Whether a factor multiplies each matrix by one number."""
    axes = min(CORE_AXES[key], x.type.ndim)
    return all(x.type.broadcastable[x.type.ndim - axes :])


@register_assumption(SKEW_HERMITIAN, Elemwise)
@register_assumption(SKEW_SYMMETRIC, Elemwise)
def skew_of_elementwise(key, op, feature, fgraph, node, input_states):
    """Sums and real multiples of skew matrices, and x - x^H."""
    skew = [state is FactState.TRUE for state in input_states]
    inputs = node.inputs
    match op.scalar_op:
        case Neg():
            return states(node, skew[0])
        case Add():
            return states(node, all(skew) or _is_difference(inputs, key))
        case Sub():
            return states(node, all(skew) or is_adjoint_of(inputs[1], inputs[0], key))
        case Mul() | TrueDiv():
            factors = [x for x, is_skew in zip(inputs, skew, strict=True) if not is_skew]
            numerator = skew[0] or isinstance(op.scalar_op, Mul)
            single = len(factors) == len(inputs) - 1 and numerator
            return states(node, single and all(is_scalar_factor(x, key) for x in factors))
    return states(node, False)


def _is_difference(inputs, key):
    """Whether a sum of two is x + (-x^H), as canonicalization may write x - x^H."""
    if len(inputs) != 2:
        return False
    return any(
        (y := negated(right)) is not None and is_adjoint_of(y, left, key)
        for left, right in (inputs, reversed(inputs))
    )


def register_for_field(keys, *op_types):
    """Register a rule ``(op, node, input_states) -> bool`` for the first output, field by field."""

    def decorator(rule):
        for field, key in keys.items():

            def infer(key, op, feature, fgraph, node, input_states, field=field):
                holds = op.field == field and rule(op, node, feature, input_states)
                return states(node, holds)

            register_assumption(key, *op_types)(infer)
        return rule

    return decorator


@register_for_field(SKEW, HConj)
@register_for_field(UNIT, HConj, NewtonSchulz)
def kept(op, node, feature, input_states):
    """The fact holds of the result when it holds of the argument."""
    return input_states[0] is FactState.TRUE


@register_for_field(SKEW, Logm)
@register_for_field(UNIT, ExpmSkew)
def always(op, node, feature, input_states):
    """The fact holds by construction."""
    return True


@register_for_field(UNIT, ExpmPath, Cayley)
def unitary_of_skew(op, node, feature, input_states):
    """exp and Cayley transform of a skew-Hermitian matrix; not exp's derivatives."""
    return len(node.inputs) == 1 and feature.check(node.inputs[0], SKEW[op.field])


@register_for_field(UNIT, QR, Polar)
def unitary_if_square(op, node, feature, input_states):
    """Orthonormal columns, when there are as many as rows."""
    m, n = node.outputs[0].type.shape[-2:]
    return m is not None and m == n


@register_for_field(UNIT, MatMul)
def product_of_unitaries(op, node, feature, input_states):
    """The unitary matrices are a group."""
    return all(state is FactState.TRUE for state in input_states)


def register(*op_types, phase=register_canonicalize):
    """Register a rewrite of nodes with these Ops in one of PyTensor's phases, tagged unitarygraph."""

    def decorator(rewrite):
        return phase(node_rewriter(list(op_types))(rewrite), "unitarygraph")

    return decorator


@register(HConj)
def local_hconj_of_hconj(fgraph, node):
    """hconj(hconj(x)) -> x."""
    owner = node.inputs[0].owner
    if owner is not None and owner.op == node.op:
        return [owner.inputs[0]]
    return None


@register(MatMul)
def local_unitary_product(fgraph, node):
    """U^H U -> I and U U^H -> I for unitary U."""
    left, right = node.inputs
    field = node.op.field
    for adjoint, u in ((left, right), (right, left)):
        owner = adjoint.owner
        if (
            owner is not None
            and owner.op == HConj(field)
            and owner.inputs[0] is u
            and check_assumption(fgraph, u, UNIT[field])
        ):
            identity = algebra(field).eye_like(u)
            out = node.outputs[0]
            if out.type.ndim > identity.type.ndim:
                batch = [u.shape[axis] for axis in range(out.type.ndim - identity.type.ndim)]
                identity = pt.broadcast_to(identity, (*batch, *identity.shape))
            return [out.type.filter_variable(identity, allow_convert=True)]
    return None


@register(MatMul, phase=register_specialize)
def local_matmul_of_hconj(fgraph, node):
    """hconj(A) B -> A^H B by BLAS, without a transpose in memory."""
    op, factors = node.op, list(node.inputs)
    sides = [op.left, op.right]
    for i, factor in enumerate(factors):
        if factor.owner is not None and factor.owner.op == HConj(op.field):
            sides[i], factors[i] = not sides[i], factor.owner.inputs[0]
    if sides == [op.left, op.right]:
        return None
    new = MatMul(op.field, *sides)(*factors)
    copy_stack_trace(node.outputs[0], new)
    return [new]


@register(ExpmPath)
def local_expm_of_skew(fgraph, node):
    """exp of a skew-Hermitian matrix, and its first derivative, through eigenvalues."""
    op = node.op
    if op.structure != "detect" or op.order > 1:
        return None
    a = node.inputs[0]
    if not check_assumption(fgraph, a, SKEW[op.field]):
        return None
    # Derivatives at A^H stand on A itself, where they share the eigenvectors of exp A.
    adjoint = op.adjoint
    if op.order == 1 and not adjoint and a.owner is not None and a.owner.op == HConj(op.field):
        adjoint, a = True, a.owner.inputs[0]
    u, w, vh = ExpmSkew(op.field)(a)
    if op.order == 0:
        new = algebra(op.field).hconj(u) if adjoint else u
    else:
        new = SkewFrechet(op.field, adjoint)(a, w, vh, node.inputs[1])
    copy_stack_trace(node.outputs[0], new)
    return [new]
