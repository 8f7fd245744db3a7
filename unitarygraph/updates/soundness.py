"""Refusal of updates that cannot be right: those that do not depend on parameter and gradient.

A graph may look as if it did: a product that discards the result of ``set_subtensor`` is a constant
zero of its arguments' shape. So each update is put on a placeholder in the gradient's place, which
keeps the graph small, simplified, and searched for ways on which values travel, not shapes.
"""

from pytensor.graph.basic import Constant
from pytensor.graph.replace import clone_replace
from pytensor.graph.rewriting.utils import rewrite_graph
from pytensor.scalar.basic import Second
from pytensor.tensor.basic import Alloc
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.shape import Shape, Shape_i

from unitarygraph.manifolds import Euclidean


def check_update(rule, p, g, numbers, new, manifold):
    """Raise ValueError unless the new value depends on the values of p and of its gradient g.

    ``numbers``: the rule's scalars, which are made symbolic here: a rate of zero is no fault.
    """
    missing = missing_dependences(p, g, numbers, new, simplify=type(manifold) is not Euclidean)
    if missing:
        raise ValueError(
            f"{rule}: the update of {p.name or p} on {manifold} does not depend on "
            f"{' or '.join(missing)}. A graph that ends in a constant is the usual cause: "
            "pt.set_subtensor and pt.inc_subtensor return a new variable and leave their argument "
            "as it is, so a result that is not used is lost"
        )


def missing_dependences(p, g, numbers, new, simplify=True):
    """Which of "its own value" and "its gradient" the value of ``new`` does not depend on."""
    place_p, place_g = p.type("parameter"), g.type("gradient")
    numbers = {number: number.type() for number in numbers}
    (new,) = clone_replace([new], {p: place_p, g: place_g, **numbers})
    if simplify:
        new = rewrite_graph(new, include=("canonicalize",), clone=False)
    found = value_ancestors(new)
    named = {"its own value": place_p, "its gradient": place_g}
    return [name for name, place in named.items() if place not in found]


def value_ancestors(variable):
    """All variables whose values, not only shapes, enter the value of ``variable``."""
    found, waiting = set(), [variable]
    while waiting:
        current = waiting.pop()
        if current in found or isinstance(current, Constant):
            continue
        found.add(current)
        if current.owner is not None:
            waiting.extend(_value_inputs(current.owner))
    return found


def _value_inputs(node):
    op = node.op
    if isinstance(op, Shape | Shape_i):
        return []
    if isinstance(op, Alloc):
        return node.inputs[:1]
    if isinstance(op, Elemwise) and isinstance(op.scalar_op, Second):
        return node.inputs[1:]
    return node.inputs
