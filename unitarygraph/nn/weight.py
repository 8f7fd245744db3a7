"""What layers with a weight matrix share: a free one, one on a manifold or a parametrised one."""

import numpy as np

from unitarygraph.manifolds import Euclidean
from unitarygraph.parameter import parameter
from unitarygraph.parametrizations.columns import semi_unitary
from unitarygraph.stacked.algebra import algebra


class WeightLayer:
    """A layer with the matrix ``weight``, a shared variable or an expression of a parametrisation.

    The layer's constructor calls `set_weight`, and enters what it trains besides in ``params``.
    """

    def set_weight(self, shape, field, parametrization, start, manifold=None, *, rng, dtype, name):
        """Make ``weight`` and the lists of parameters.

        ``start``: function of a Generator, the first value of a free weight as stored.
        """
        self.field = algebra(field).field
        if parametrization is not None and manifold is not None:
            raise ValueError(
                f"{type(self).__name__}: give a parametrization or a manifold, got both, "
                f"{parametrization!r} and {manifold}"
            )
        #: the parametrised weight, None for a free one
        self.parametrization = None
        if parametrization is None:
            value = start(np.random.default_rng(rng)).astype(dtype)
            if manifold is not None:
                value = manifold.nearest(value).eval(mode="FAST_COMPILE")
            self.weight = parameter(value, manifold or Euclidean(self.field), name=name)
            self.params = [self.weight]
            return
        self.parametrization = semi_unitary(
            parametrization, shape, field=field, rng=rng, dtype=dtype, name=name
        )
        self.weight = self.parametrization()
        self.params = list(self.parametrization.params)

    def value(self):
        """Current weight as a NumPy matrix, complex in the complex field."""
        if self.parametrization is not None:
            return self.parametrization.value()
        return algebra(self.field).to_numpy(np.asarray(self.weight.get_value()))

    @property
    def orthogonal_params(self):
        """Those of ``params`` that the parametrisation trains at the orthogonal rate."""
        return [] if self.parametrization is None else list(self.parametrization.orthogonal_params)

    @property
    def state(self):
        """Shared variables that the weight depends on and that are not trained."""
        return [] if self.parametrization is None else list(self.parametrization.state)

    def penalty(self):
        """Scalar to be added to the loss in training, None for nothing."""
        return None if self.parametrization is None else self.parametrization.penalty()

    def post_updates(self):
        """Updates to be made after each training step, by a function of their own."""
        return {} if self.parametrization is None else self.parametrization.post_updates()
