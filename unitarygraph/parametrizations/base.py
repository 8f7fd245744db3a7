"""What every parametrisation offers."""

from abc import ABC, abstractmethod

import numpy as np
import pytensor

from unitarygraph.stacked.algebra import algebra


class Parametrization(ABC):
    """Unconstrained shared variables and a map from them to a unitary (orthogonal) matrix.

    A subclass calls ``super().__init__(n, field, dtype)``, enters what is trained in `params` and
    what is kept but not trained in `state`, and says in `__call__` what the matrix is. A class whose
    matrix is not unitary, by a margin or altogether, sets ``unitary = False``.
    """

    #: whether W is unitary (orthogonal) whatever the parameters are
    unitary = True

    def __init__(self, n, field="complex", dtype=None):
        if n < 1:
            raise ValueError(f"{type(self).__name__}: n must be at least 1, got {n}")
        self.n, self.field = n, field
        self.matrices = algebra(field)
        self.dtype = dtype or pytensor.config.floatX
        #: the shared variables to train
        self.params = []
        #: other shared variables that W depends on or `post_updates` moves
        self.state = []
        self._value = None

    @abstractmethod
    def __call__(self):
        """Symbolic matrix, ``(2, n, n)`` or ``(n, n)`` in the real field."""

    def apply(self, h):
        """Row vectors times the matrix, h W: ``(..., 2, B, n)`` or ``(..., B, n)``, as h.

        A structured class overrides it with a product that costs less than the matrix.
        """
        return self.matrices.matmul(h, self())

    def value(self):
        """Current matrix as a NumPy complex (real) array ``(n, n)`` of the parameters' precision."""
        if self._value is None:
            self._value = pytensor.function([], self(), mode="FAST_COMPILE")
        return self.matrices.to_numpy(np.asarray(self._value()))

    def set_value(self, W):
        """Set the parameters so that the matrix is the NumPy array W: the inverse map.

        Raises ValueError for a W that is no value of this map, naming how far off it is, and
        NotImplementedError where there is no inverse map.
        """
        raise NotImplementedError(f"{type(self).__name__}: has no inverse map")

    @property
    def orthogonal_params(self):
        """Those of `params` that the lineage trains at the orthogonal rate; by default all."""
        return self.params

    @property
    def phase_params(self):
        """Those of `params` that are phases with a rule of their own (scuRNN); by default none."""
        return []

    def prefers_structure(self):
        """Whether `apply` in each step of a recurrence is faster than one W for all; measured."""
        return False

    def free_parameters(self):
        """Number of free real parameters: what is stored, less what is not read or is bound."""
        return sum(int(np.prod(p.type.shape)) for p in self.params)

    def penalty(self):
        """Scalar to be added to the loss in training, None for nothing."""
        return None  # noqa: RET501

    def post_updates(self):
        """Updates to be made after each training step; none by default."""
        return {}
