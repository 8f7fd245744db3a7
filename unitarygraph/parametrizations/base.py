"""What every parametrisation offers."""

from abc import ABC, abstractmethod


class Parametrization(ABC):
    """Unconstrained shared variables and a map from them to a unitary (orthogonal) matrix."""

    #: the shared variables to train
    params: list

    @abstractmethod
    def __call__(self):
        """Symbolic matrix, ``(2, n, n)`` or ``(n, n)`` in the real field."""

    @abstractmethod
    def value(self):
        """Current matrix as a NumPy complex (real) array ``(n, n)``."""

    def post_updates(self):
        """Updates to be made after each training step; none by default."""
        return {}
