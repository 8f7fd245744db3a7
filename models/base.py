"""What every model offers, and the pieces that all of them share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.tensor.variable import TensorVariable

from unitarygraph.nn.recurrent import is_index
from unitarygraph.parameter import parameter


class Model(ABC):
    """A map of sequences, ``(T, B, input_size) -> (T, B, output_size)``; most are recurrent.

    A subclass enters what it trains in :attr:`params`, and in :attr:`statistics` what it keeps but
    does not train.
    """

    #: training settings that suit the model, keys of ``--set``; a group's rule is a mapping of its own:
    #: ``{"other": {"name": "rmsprop", "learning_rate": 1e-3}, "clip": 1.0}``
    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    #: the same by a task's name, for settings that the task would set otherwise
    task_defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = MappingProxyType({})
    #: names of the tasks that the model is for, None where it is for any sequences
    tasks: ClassVar[tuple[str, ...] | None] = None
    #: whether the recurrent matrix is unitary by construction
    unitary: bool = False

    params: list[SharedVariable]
    #: shared variables that the outputs depend on and :meth:`training` updates, as running means
    statistics: list[SharedVariable]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        *,
        dtype: str | None = None,
        **options: Any,
    ) -> None:
        self.input_size, self.hidden_size, self.output_size = input_size, hidden_size, output_size
        self.dtype = dtype or pytensor.config.floatX
        self.options = options
        self.params = []
        self.statistics = []

    def add(self, name: str, value: np.ndarray, manifold: Any = None) -> SharedVariable:
        """Make a parameter of the model's dtype, unique by name, and enter it in `params`."""
        if name in {p.name for p in self.params}:
            raise ValueError(f"parameter {name!r} is already in the model")
        variable = parameter(np.asarray(value, dtype=self.dtype), manifold, name=name)
        self.params.append(variable)
        return variable

    @abstractmethod
    def __call__(self, x: TensorVariable, mask: TensorVariable | None = None) -> TensorVariable:
        """Return the outputs of all steps; where `mask` (T, B) is 0 the state stands still."""

    def training(
        self, x: TensorVariable, mask: TensorVariable | None = None
    ) -> tuple[TensorVariable, dict[SharedVariable, TensorVariable]]:
        """Return the outputs to be trained on, and updates of `statistics` to be made with them.

        For most models the outputs are those of a call, and there are no updates.
        """
        return self(x, mask), {}

    def recurrent_matrix(self) -> np.ndarray | None:
        """Return the current hidden-to-hidden matrix (n, n), None where there is not one."""
        return None

    def recurrent_matrices(self) -> list[np.ndarray]:
        """Return the current hidden-to-hidden matrices of all layers."""
        matrix = self.recurrent_matrix()
        return [] if matrix is None else [matrix]

    @property
    def orthogonal_params(self) -> list[SharedVariable]:
        """The subset of `params` that is trained with ``orthogonal_learning_rate``."""
        return []

    @property
    def phase_params(self) -> list[SharedVariable]:
        """The subset that is trained with ``phase_learning_rate`` where one is given."""
        return []

    def free_parameters(self) -> int:
        """Return the number of free real parameters."""
        return sum(p.get_value().size for p in self.params)

    def penalty(self) -> TensorVariable | None:
        """Return a scalar to be added to the loss in training, None for nothing."""
        return None

    def post_updates(self) -> dict[SharedVariable, TensorVariable]:
        """Return updates to be made after each training step, from the new values."""
        return {}


def affine(x: TensorVariable, weight: TensorVariable, bias: TensorVariable) -> TensorVariable:
    """Return x W + b over the last axis of x: (T, B, m), (m, n), (n,) -> (T, B, n).

    Integers x (T, B) stand for one-hot rows.
    """
    if is_index(x):
        return weight[x] + bias
    return pt.tensordot(x, weight, axes=[[x.ndim - 1], [0]]) + bias
