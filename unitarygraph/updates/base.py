"""What all update rules share: gradients, one parameter's step, what is remembered, the guard.

A rule is one function of a `Step`, which gives the parameter's new value; `descend` applies it to
all parameters. Complex parameters are keys of the dictionaries as they are; all arithmetic, and all
values, are on their plain stacked storage.
"""

from functools import cached_property

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.gradient import DisconnectedInputError
from pytensor.graph.basic import Variable

from unitarygraph.core.layout import REAL_DTYPES, plain, storage
from unitarygraph.manifolds import Euclidean, GeneralizedStiefel
from unitarygraph.parameter import manifold_of
from unitarygraph.stacked.typing import Params
from unitarygraph.updates.soundness import check_update

#: retractions that rules may be given for parameters of which not all have them
SHARED_NAMES = ("qr", "polar", "cayley", "exp")


def descend(rule, step, loss_or_grads, params, learning_rate):
    """Updates {shared variable: new value} of the rule called ``rule``.

    ``step`` is a function of a `Step` that gives the new value of its parameter. Arguments and errors
    as `sgd`.
    """
    updates = {}
    for p, g in gradients(loss_or_grads, params):
        at = Step(rule, p, g, learning_rate)
        new = step(at)
        updates |= at.updates | {p: new}
        for state, tangent in at.transported.items():
            updates[state] = at.manifold.transport(at.x, new, tangent)
        check_update(rule, p, g, at.numbers, new, at.manifold)
    return updates


class Step:
    r"""One parameter's step: the point x, its manifold, the Euclidean gradient g and the rate.

    A rule takes its numbers by `number`, makes its state by `zeros` and its kin, says by `remember`
    and `transport` what becomes of it, and ends with `retr` or an expression of its own.
    """

    def __init__(self, rule, p, g, learning_rate):
        self.rule, self.p, self.x, self.g = rule, p, plain(p), g
        self.manifold = manifold_of(p)
        #: the rule's numbers, for `check_update`
        self.numbers = []
        #: {state: new value}
        self.updates = {}
        #: {state: tangent at x, to be carried to the new point}
        self.transported = {}
        self.rate = self.number(learning_rate, "learning_rate")

    @cached_property
    def gradient(self):
        """Riemannian gradient."""
        return self.manifold.egrad2rgrad(self.x, self.g)

    @cached_property
    def gradient_or_zero(self):
        """Riemannian gradient, zero where it is rounding alone; see `tangent_or_zero`."""
        return self.tangent_or_zero(self.g)

    def tangent_or_zero(self, g):
        r"""Riemannian gradient for rules that divide by its size; zero where it is rounding alone.

        A Euclidean gradient normal to the manifold has the gradient zero, of which rounding leaves
        about :math:`\epsilon |g|`. Divided by its own size that would be a step like any other. So
        what is shorter than :math:`2 \sqrt{\mathrm{rows}}\,\epsilon |g|` is taken for zero, each
        matrix or row that has a ``mean_square`` of its own, where the metric is that of the space
        around.
        """
        gradient = self.manifold.egrad2rgrad(self.x, g)
        if isinstance(self.manifold, Euclidean | GeneralizedStiefel):
            return gradient
        if not self.manifold.is_embedded:
            return gradient
        dtype = self.x.type.dtype
        rows = max(self.p.get_value(borrow=True).shape[-2:])
        rounding = np.asarray(4 * rows * np.finfo(dtype).eps ** 2, dtype)
        sizes = [self.mean_square(u) for u in (gradient, g)]
        is_rounding = pt.lt(sizes[0], rounding * sizes[1])
        return pt.switch(is_rounding, pt.zeros_like(gradient), gradient)

    def mean_square(self, u):
        """The manifold's ``mean_square`` of u: elementwise in flat space, else one number a matrix."""
        return self.manifold.mean_square(self.x, u)

    def number(self, value, name):
        """A number of the rule in p's dtype; ValueError where it is not a scalar."""
        number = scalar(value, self.p, name)
        self.numbers.append(number)
        return number

    def zeros(self, what):
        """State of p's shape, zero at first."""
        return zeros(self.p, self.rule, what, np.shape(self.p.get_value(borrow=True)))

    def zeros_of_mean_square(self, what):
        """State of the shape of `mean_square`, zero at first."""
        shape = np.shape(self.p.get_value(borrow=True))
        typical = self.manifold.mean_square(*(pt.zeros(shape, self.p.type.dtype),) * 2)
        return zeros(self.p, self.rule, what, tuple(typical.type.shape))

    def counter(self):
        """State that counts the steps before this one."""
        return zeros(self.p, self.rule, "step", (), "int64")

    def remember(self, state, new):
        """The new value of a state, which is noted."""
        self.updates[state] = new
        return new

    def transport(self, state, tangent):
        """The tangent at x, which is noted to be the state's new value at the new point."""
        self.transported[state] = tangent
        return tangent

    def retr(self, u, retraction):
        """Point reached along u by a retraction: a name, a function, or None, the manifold's own.

        Of the names in `SHARED_NAMES`, which serve parameters of several manifolds in one call, each
        manifold takes those that it has, and its own best retraction in place of another.
        """
        if retraction in SHARED_NAMES and retraction not in self.manifold.retractions:
            retraction = None
        return self.manifold.retr(self.x, u, kind=retraction)


def serves(*manifolds, companion):
    """Decorator of a rule for points of some manifolds alone.

    ``rule.manifolds`` are their classes, ``rule.companion`` is the name of its authors' rule for all
    other parameters. Rules without these attributes serve all.
    """

    def note(rule):
        rule.manifolds, rule.companion = manifolds, companion
        return rule

    return note


def gradients(loss_or_grads, params):
    """Pairs (parameter, its Euclidean gradient, plain, in the parameter's dtype).

    ``loss_or_grads`` is a symbolic scalar, or one gradient a parameter, stacked or complex; one
    shared variable is a list of one. Raises TypeError for params that are not shared variables of
    floats; ValueError for a parameter given twice, a loss that is not a scalar, another number of
    gradients than parameters or a gradient of another shape; and
    `pytensor.gradient.DisconnectedInputError` for a parameter that the loss does not depend on.
    """
    params = as_list(params)
    for p in params:
        manifold_of(p)
        if p.type.dtype not in REAL_DTYPES:
            raise TypeError(f"params: {label(p)} must be float32 or float64, got {p.type.dtype}")
    twice = {label(p) for p in params if sum(p is q for q in params) > 1}
    if twice:
        raise ValueError(f"params: each must be given once, got {', '.join(twice)} more than once")
    if isinstance(loss_or_grads, Variable):
        if loss_or_grads.type.ndim:
            raise ValueError(
                f"loss_or_grads: a loss must be a scalar, got shape {loss_or_grads.type.shape}"
            )
        grads = pytensor.grad(
            loss_or_grads, params, disconnected_inputs="ignore", return_disconnected="none"
        )
        without = [label(p) for p, g in zip(params, grads, strict=True) if g is None]
        if without:
            raise DisconnectedInputError(
                f"params: the loss does not depend on {', '.join(without)}; leave out of params what "
                "the loss does not read, or build the loss from it"
            )
    else:
        grads = [pt.as_tensor_variable(storage(g)) for g in loss_or_grads]
        if len(grads) != len(params):
            raise ValueError(
                f"loss_or_grads: expected one gradient for each of {len(params)} params, "
                f"got {len(grads)}"
            )
    return [(p, _conform(p, plain(g))) for p, g in zip(params, grads, strict=True)]


def _conform(p, g):
    fits = g.type.ndim == p.type.ndim and all(
        None in (a, b) or a == b for a, b in zip(g.type.shape, p.type.shape, strict=True)
    )
    if not fits:
        raise ValueError(
            f"loss_or_grads: the gradient of {label(p)} must have its shape {p.type.shape}, "
            f"got {g.type.shape}"
        )
    return g if g.type.dtype == p.type.dtype else g.astype(p.type.dtype)


def as_list(params: Params) -> list[SharedVariable]:
    """Parameters as a list; one shared variable is a list of one."""
    return [params] if isinstance(params, Variable) else list(params)


def label(p):
    """Name of a parameter for messages."""
    return p.name or str(p)


def scalar(value, p, name):
    """A rule's number (float, NumPy scalar, shared or symbolic scalar) in p's dtype.

    Raises ValueError when it is not a scalar.
    """
    number = pt.as_tensor_variable(value)
    if number.type.ndim:
        raise ValueError(f"{name} must be a scalar, got shape {number.type.shape}")
    if number.owner is None and hasattr(number, "data"):
        return pt.constant(np.asarray(number.data, p.type.dtype))
    return number.astype(p.type.dtype)


def zeros(p, rule, what, shape, dtype=None):
    """Shared zeros of a given shape, by default of p's dtype, named ``<p>/<rule>/<what>``."""
    value = np.zeros(shape, p.type.dtype if dtype is None else dtype)
    variable = pytensor.shared(value, name=f"{p.name}/{rule}/{what}", shape=value.shape)
    variable.tag.state_of = p
    return variable


def is_state_of(variable, p):
    """Whether a rule remembers something about the parameter p in the shared variable."""
    return getattr(variable.tag, "state_of", None) is p
