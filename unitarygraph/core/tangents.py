"""What `pullback` and `pushforward` methods share: variables that stand for "no dependence"."""

from functools import reduce
from operator import add

from pytensor.gradient import DisconnectedType, disconnected_type


def is_connected(tangent):
    """Whether a tangent or cotangent carries a value."""
    return tangent is not None and not isinstance(tangent.type, DisconnectedType)


def fresh(cotangent):
    """The same value as a variable of its own, for a cotangent that another one is made of.

    `pytensor.gradient.pushforward` pulls back twice, the second time with a tangent given for each
    cotangent of the first; what else reaches a variable whose tangent is given is dropped in silence
    (`docs/upstream/pytensor-rop-of-solve.md`). Canonicalization removes the copy.
    """
    return cotangent.copy()


def sum_or_disconnected(terms):
    """Sum of the terms, or the variable that says "not connected" when there is none."""
    terms = list(terms)
    return reduce(add, terms) if terms else disconnected_type()
