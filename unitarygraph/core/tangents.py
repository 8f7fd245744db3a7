"""What `pullback` and `pushforward` methods share: variables that stand for "no dependence"."""

from functools import reduce
from operator import add

import numpy as np
import pytensor.tensor as pt
from pytensor.compile.ops import view_op
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


def on_views(build, variables):
    """``build(*variables)`` differentiated with respect to views of the variables.

    An input may be a function of another (h0 of W, say): partial derivatives must not see that.
    """
    return build(*(view_op(v) for v in variables))


def in_dtype_of(x, cotangent):
    """The cotangent in the dtype of ``x``; PyTensor seeds float32 graphs with floatX."""
    return pt.cast(cotangent, x.type.dtype)


def empty_constant(ndim, dtype):
    """What stands in the place of an input that a node does without."""
    return pt.constant(np.zeros((0,) * ndim, dtype))
