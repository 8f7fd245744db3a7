"""What every model offers, and the pieces that all of them share."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, fields
from inspect import get_annotations
from types import MappingProxyType
from typing import Any, ClassVar, dataclass_transform

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.tensor.variable import TensorVariable

from unitarygraph.module import Module
from unitarygraph.nn.recurrence import is_index
from unitarygraph.parameter import parameter

#: fields of every model; all others are its options
COMMON = ("input_size", "hidden_size", "output_size", "rng", "dtype")


@dataclass_transform(kw_only_default=True, eq_default=False)
@dataclass(eq=False)
class Model(Module, ABC):
    """A map of sequences, ``(T, B, input_size) -> (T, B, output_size)``; most are recurrent.

    Subclasses are made dataclasses (without ``__eq__``, fields by keyword): what a class annotates
    and gives a default is an option; what it only assigns is fixed, or an inherited option's other
    default. They build in `__post_init__`, after ``super().__post_init__()``, which makes `rng` a
    NumPy Generator and `dtype` a dtype.

    A subclass keeps what it trains, its layers and their running averages in attributes; see
    :class:`unitarygraph.Module` for what it says of its own.
    """

    #: training settings that suit the model, keys of ``--set``; a group's rule is a mapping of its own:
    #: ``{"other": {"name": "rmsprop", "learning_rate": 1e-3}, "clip": 1.0}``
    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    #: the same by a task's name, for settings that the task would set otherwise
    task_defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = MappingProxyType({})
    #: names of the tasks that the model is for, None where it is for any sequences
    tasks: ClassVar[tuple[str, ...] | None] = None
    #: whether the recurrent matrix is unitary by construction
    unitary: ClassVar[bool] = False

    input_size: int
    hidden_size: int
    output_size: int
    _: KW_ONLY
    rng: np.random.Generator | int | None = None
    dtype: str | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        described = cls.__doc__
        # An inherited option that is assigned gets another default; dataclasses would ignore it.
        inherited = {f.name: f.type for f in fields(cls) if f.name in vars(cls)}
        cls.__annotations__ = inherited | get_annotations(cls)
        dataclass(eq=False, kw_only=True)(cls)
        cls.__doc__ = described

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.rng)
        self.dtype = self.dtype or pytensor.config.floatX

    @property
    def options(self) -> dict[str, Any]:
        """The options and their values."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in COMMON}

    def parameter(
        self, name: str, value: np.ndarray, manifold: Any = None, group: str | None = None
    ) -> SharedVariable:
        """Return a parameter of the model's dtype, unique by name, to be kept in an attribute."""
        if name in {p.name for p in self.params}:
            raise ValueError(f"parameter {name!r} is already in the model")
        return parameter(np.asarray(value, dtype=self.dtype), manifold, name, group)

    @abstractmethod
    def __call__(self, x: TensorVariable, mask: TensorVariable | None = None) -> TensorVariable:
        """Return the outputs of all steps; where `mask` (T, B) is 0 the state stands still."""

    def training(
        self, x: TensorVariable, mask: TensorVariable | None = None
    ) -> tuple[TensorVariable, dict[SharedVariable, TensorVariable]]:
        """Return the outputs to be trained on, and updates of `buffers` to be made with them.

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


def affine(x: TensorVariable, weight: TensorVariable, bias: TensorVariable) -> TensorVariable:
    """Return x W + b over the last axis of x: (T, B, m), (m, n), (n,) -> (T, B, n).

    Integers x (T, B) stand for one-hot rows.
    """
    if is_index(x):
        return weight[x] + bias
    return pt.tensordot(x, weight, axes=[[x.ndim - 1], [0]]) + bias
