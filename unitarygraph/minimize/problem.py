"""A loss on a product of manifolds, compiled."""

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pytensor
import pytensor.tensor as pt

from unitarygraph.core.layout import is_complex, plain, storage, to_complex
from unitarygraph.parameter import manifold_of
from unitarygraph.updates.base import gradients, label

Arrays = list[np.ndarray]
#: retractions of order 2, the first that a manifold has is taken
PREFERRED = ("polar", "normalize", "second_order", "exp", "cayley")


class Point(NamedTuple):
    """Values of the parameters with the loss and its Riemannian gradient there."""

    x: Arrays
    fun: float
    grad: Arrays
    norm: float

    @property
    def finite(self):
        """Whether loss and gradient are numbers."""
        return bool(np.isfinite(self.fun) and np.isfinite(self.norm))


class Problem:
    """The functions that minimizers call, each compiled when first needed, once.

    Points and tangents are lists of NumPy arrays, one a parameter; the metric is the sum of those of
    the parameters' manifolds. All of them are stacked, of complex parameters too (`as_given`).
    ``evaluations`` counts losses, gradients and Hessian products.
    """

    def __init__(self, loss, params, inputs=None, mode=None):
        pairs = gradients(loss, params)
        inputs = dict(inputs or {})
        self.loss, self.params = loss, [p for p, _ in pairs]
        self.stored, self.egrads = [plain(p) for p, _ in pairs], [g for _, g in pairs]
        self.manifolds = [manifold_of(p) for p in self.params]
        self.inputs, self.mode = list(inputs), mode
        self.values = [storage(value) for value in inputs.values()]
        self.evaluations = {"loss": 0, "gradient": 0, "hessian": 0}
        self.x, self.y, self.u, self.v = (
            [p.type(f"{name}_{i}") for i, p in enumerate(self.params)] for name in "xyuv"
        )

    @property
    def eps(self):
        """Largest rounding unit of the parameters."""
        return max(float(np.finfo(p.type.dtype).eps) for p in self.params)

    def start(self):
        """Copies of the parameters' values; ValueError for one that is not on its manifold."""
        x = [np.array(p.get_value(borrow=True)) for p in self.params]
        for p, manifold, value in zip(self.params, self.manifolds, x, strict=True):
            try:
                manifold.require_point(value)
            except ValueError as error:
                raise ValueError(
                    f"minimize: the value of {label(p)} was refused. {error}"
                ) from None
        return x

    def as_given(self, values):
        """Points or tangents as users have them: NumPy complex arrays for complex parameters."""
        pairs = zip(self.params, values, strict=True)
        return [to_complex(value) if is_complex(p) else value for p, value in pairs]

    def at(self, x):
        """Loss and Riemannian gradient at x, a `Point`."""
        self.evaluations["gradient"] += 1
        fun, square, *grad = self._gradient(*x, *self.values)
        return Point(x, float(fun), grad, float(np.sqrt(square)))

    def fun(self, x):
        """Loss at x."""
        self.evaluations["loss"] += 1
        return float(self._loss(*x, *self.values))

    def hessian(self, x, u):
        """Riemannian Hessian at x applied to the tangent u."""
        self.evaluations["hessian"] += 1
        return self._hessian(*x, *u, *self.values)

    def retr(self, x, u):
        """Point reached from x along u."""
        return self._retr(*x, *u)

    def transport(self, x, y, v):
        """Tangent v at x moved to the tangent space at y."""
        return self._transport(*x, *y, *v)

    def inner(self, x, u, v):
        """Inner product of the tangents u and v at x."""
        return float(self._inner(*x, *u, *v))

    def _compile(self, arguments, outputs):
        return pytensor.function(
            arguments,
            outputs,
            givens=dict(zip(self.params, self.x, strict=True)),
            mode=self.mode,
            on_unused_input="ignore",
        )

    def _each(self, method, *lists, options=None):
        rows = zip(self.manifolds, *lists, options or [{}] * len(self.params), strict=True)
        return [getattr(m, method)(*values, **keywords) for m, *values, keywords in rows]

    def _metric(self, x, u, v):
        return sum(pt.sum(term).astype("float64") for term in self._each("inner", x, u, v))

    @cached_property
    def _loss(self):
        return self._compile([*self.x, *self.inputs], self.loss)

    @cached_property
    def _gradient(self):
        grads = self._each("egrad2rgrad", self.stored, self.egrads)
        square = self._metric(self.stored, grads, grads)
        return self._compile([*self.x, *self.inputs], [self.loss, square, *grads])

    @cached_property
    def _hessian(self):
        slope = sum(pt.sum(g * u) for g, u in zip(self.egrads, self.u, strict=True))
        ehess = pytensor.grad(
            slope, self.params, disconnected_inputs="ignore", consider_constant=self.u
        )
        hess = self._each("ehess2rhess", self.stored, self.egrads, ehess, self.u)
        return self._compile([*self.x, *self.u, *self.inputs], hess)

    @cached_property
    def _retr(self):
        kinds = [{"kind": second_order(m)} for m in self.manifolds]
        moved = self._each("retr", self.x, self.u, options=kinds)
        return self._compile([*self.x, *self.u], moved)

    @cached_property
    def _transport(self):
        moved = self._each("transport", self.x, self.y, self.v)
        return self._compile([*self.x, *self.y, *self.v], moved)

    @cached_property
    def _inner(self):
        return self._compile([*self.x, *self.u, *self.v], self._metric(self.x, self.u, self.v))


def second_order(manifold):
    """Name of a retraction of order 2, or of the first there is."""
    orders = manifold.retractions
    good = [name for name in (*PREFERRED, *orders) if orders.get(name, 0) >= 2]
    return (good or list(orders))[0]


def combine(*terms: tuple[Any, Arrays]) -> Arrays:
    """Sum of the (number, tangent) pairs, in the tangents' dtypes."""
    return [
        np.asarray(sum(u.dtype.type(a) * u for (a, _), u in zip(terms, row, strict=True)))
        for row in zip(*(tangent for _, tangent in terms), strict=True)
    ]
