"""Types that the signatures of public functions name."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from unitarygraph.stacked.variables import ComplexVariable

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
ComplexArray: TypeAlias = np.ndarray[Any, np.dtype[np.complexfloating[Any, Any]]]
#: values that are no variables
ArrayLike: TypeAlias = Array | Sequence[Any] | complex
#: what `pytensor.tensor.as_tensor_variable` reads, complex variables and NumPy complex arrays
Value: TypeAlias = Any
#: complex variables give complex variables, plain tensors plain ones
M = TypeVar("M", ComplexVariable, TensorVariable)

Field: TypeAlias = Literal["complex", "real"]
ComplexField: TypeAlias = Literal["complex"] | None
RealField: TypeAlias = Literal["real"] | None
Shape: TypeAlias = Sequence[int | None]
Seed: TypeAlias = np.random.Generator | int | None
#: a number of an update rule, which may be a schedule
Scalar: TypeAlias = float | TensorVariable
LossOrGrads: TypeAlias = Variable | Iterable[Any]
Params: TypeAlias = SharedVariable | Iterable[SharedVariable]
Updates: TypeAlias = dict[SharedVariable, Any]
