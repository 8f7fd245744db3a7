"""What every parametrization offers."""

from abc import ABC, abstractmethod

import numpy as np
import pytensor

from unitarygraph.module import Module
from unitarygraph.parameter import parameter
from unitarygraph.stacked.algebra import algebra


class Parametrization(Module, ABC):
    """Unconstrained shared variables and a map from them to a unitary (orthogonal) matrix.

    A subclass calls ``super().__init__(n, field, dtype)``, keeps what is trained, made by `parameter`,
    in attributes (see `unitarygraph.Module`), and says in `__call__` what the matrix is. A class whose
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
        self._value = None

    def parameter(self, value, name, manifold=None, group="orthogonal"):
        """A parameter of the parametrization's dtype, by default of the orthogonal group."""
        return parameter(np.asarray(value, self.dtype), manifold, name=name, group=group)

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

    def prefers_structure(self):
        """Whether `apply` in each step of a recurrence is faster than one W for all; measured."""
        return False
