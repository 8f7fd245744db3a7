"""What layers with a weight matrix share: a free one, one on a manifold or a parametrized one."""

import numpy as np
from pytensor.tensor.variable import TensorVariable

from unitarygraph.core.layout import plain
from unitarygraph.manifolds import Euclidean
from unitarygraph.module import Module
from unitarygraph.parameter import parameter
from unitarygraph.parametrizations.columns import semi_unitary
from unitarygraph.stacked.algebra import algebra
from unitarygraph.stacked.typing import Array


class WeightLayer(Module):
    """A layer with the matrix ``weight``, a shared variable or an expression of a parametrization.

    The layer's constructor calls `set_weight`.
    """

    def set_weight(self, shape, field, parametrization, start, manifold=None, *, rng, dtype, name):
        """Make ``weight``: on a manifold and parametrized ones are of the orthogonal group.

        ``start``: function of a Generator, the first value of a free weight as stored.
        """
        self.field = algebra(field).field
        if parametrization is not None and manifold is not None:
            raise ValueError(
                f"{type(self).__name__}: give a parametrization or a manifold, got both, "
                f"{parametrization!r} and {manifold}"
            )
        #: the parametrized weight, None for a free one
        self.parametrization = None
        if parametrization is None:
            value = start(np.random.default_rng(rng)).astype(dtype)
            if manifold is not None:
                value = plain(manifold.nearest(value)).eval(mode="FAST_COMPILE")
            group = "other" if manifold is None else "orthogonal"
            self.weight = parameter(value, manifold or Euclidean(self.field), name, group)
            return
        self.parametrization = semi_unitary(
            parametrization, shape, field=field, rng=rng, dtype=dtype, name=name
        )
        self.weight = self.parametrization()

    def stored_weight(self) -> TensorVariable:
        """The symbolic weight as stored, a plain tensor."""
        return plain(self.weight)

    def value(self) -> Array:
        """Current weight as a NumPy matrix, complex in the complex field."""
        if self.parametrization is not None:
            return self.parametrization.value()
        return algebra(self.field).to_numpy(np.asarray(self.weight.get_value()))
