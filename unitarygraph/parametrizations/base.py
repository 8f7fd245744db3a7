"""What every parametrization offers."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import pytensor
from pytensor.tensor.variable import TensorVariable

from unitarygraph.core.layout import is_complex, plain
from unitarygraph.manifolds import Manifold
from unitarygraph.module import Module
from unitarygraph.parameter import parameter
from unitarygraph.stacked.algebra import Algebra, algebra
from unitarygraph.stacked.operands import result, result_like, stored
from unitarygraph.stacked.typing import Array, M


class Weight(Module, ABC):
    """A matrix of any shape as a function of parameters.

    A subclass says in `matrix` what the matrix is, in the field of ``self.matrices``, its algebra.
    """

    #: "complex" or "real", and its algebra
    field: str
    matrices: Algebra

    override_instead: ClassVar = {"__call__": "matrix", "stored": "matrix", "apply": "product"}

    @abstractmethod
    def matrix(self) -> TensorVariable:
        """Symbolic matrix: in the complex field stacked, a plain tensor or a complex variable."""

    def __call__(self) -> Any:
        """Symbolic matrix, a complex variable; in the real field a plain tensor."""
        return result(self.field, self.stored())

    def stored(self) -> TensorVariable:
        """Symbolic matrix as stored, a plain tensor ``(2, m, n)`` or ``(m, n)``."""
        return plain(self.matrix())

    def apply(self, h: M | Array) -> M:
        """Row vectors times the matrix, h W: ``(..., 2, B, n)`` or ``(..., B, n)``, as h.

        A complex variable or NumPy complex array gives a complex variable, a plain tensor a plain one.
        Raises ValueError for a complex h in the real field.
        """
        if self.field == "real" and is_complex(h):
            raise ValueError(f"{type(self).__name__}: h must be real with field='real', got {h}")
        return result_like(self.product(stored(h)), h)

    def product(self, h):
        """What `apply` computes, of a plain h.

        A structured class overrides it with a product that costs less than the matrix.
        """
        return self.matrices.matmul(h, self.stored())


class Parametrization(Weight):
    """Unconstrained shared variables and a map from them to a unitary (orthogonal) matrix.

    A subclass calls ``super().__init__(n, field, dtype)``, keeps what is trained, made by `parameter`,
    in attributes (see `unitarygraph.Module`), and says in `matrix` what the matrix is. A class whose
    matrix is not unitary, by a margin or altogether, sets ``unitary = False``.
    """

    #: whether W is unitary (orthogonal) whatever the parameters are
    unitary = True

    def __init__(self, n: int, field: str = "complex", dtype: Any = None) -> None:
        if n < 1:
            raise ValueError(f"{type(self).__name__}: n must be at least 1, got {n}")
        self.n, self.field = n, field
        self.matrices = algebra(field)
        self.dtype = dtype or pytensor.config.floatX
        self._value: Any = None

    def parameter(
        self, value: Any, name: str, manifold: Manifold | None = None, group: str = "orthogonal"
    ) -> Any:
        """A parameter of the parametrization's dtype, to be kept in an attribute."""
        return parameter(np.asarray(value, self.dtype), manifold, name=name, group=group)

    def value(self) -> Array:
        """Current matrix as a NumPy complex (real) array ``(n, n)`` of the parameters' precision."""
        if self._value is None:
            self._value = pytensor.function([], self.stored(), mode="FAST_COMPILE")
        return self.matrices.to_numpy(np.asarray(self._value()))

    def set_value(self, W: Array) -> None:
        """Set the parameters so that the matrix is the NumPy array W: the inverse map.

        Raises ValueError for a W that is no value of this map, naming how far off it is, and
        NotImplementedError where there is no inverse map.
        """
        raise NotImplementedError(f"{type(self).__name__}: has no inverse map")

    def prefers_structure(self) -> bool:
        """Whether `product` in each step of a scan is faster than one W for all; measured."""
        return False

    def prefers_structured_recurrence(self) -> bool:
        """Whether `structured_recurrence` is faster than one W for all steps; measured."""
        return self.prefers_structure()

    def structured_recurrence(
        self, drive: Any, h0: Any, bias: Any, activation: str, mask: Any
    ) -> TensorVariable | None:
        """States of `unitarygraph.recurrence` by `product`, all steps in one Op, of plain tensors.

        None where there is no such Op: the steps are a scan then.
        """
        return None
