"""Shared variables that know their manifold."""

from typing import Any, overload

import numpy as np
from pytensor import config
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable
from pytensor.tensor.sharedvar import TensorSharedVariable
from pytensor.tensor.type import TensorType

from unitarygraph.core.layout import REAL_DTYPES, from_complex, is_complex, to_complex
from unitarygraph.manifolds import Euclidean, Manifold
from unitarygraph.stacked.typing import Array, ComplexArray
from unitarygraph.stacked.variables import ComplexVariable

FLAT, FLAT_COMPLEX = Euclidean(field="real"), Euclidean(field="complex")

#: groups of parameters that may have update rules of their own
GROUPS = ("other", "orthogonal", "phase")


class Parameter(TensorSharedVariable):
    """Shared variable that knows its manifold and its group; made by `parameter`."""

    @property
    def manifold(self) -> Manifold:
        """Manifold of the values."""
        # PyTensor copies `tag` when it clones a variable, not other attributes.
        return self.tag.manifold

    @property
    def group(self) -> str:
        """Which update rule it is for: "orthogonal", "phase" or "other"."""
        return group_of(self)

    @property
    def value(self) -> Array:
        """Copy of the current value."""
        return self.get_value()


class ComplexParameter(ComplexVariable, Parameter):
    """A parameter on a complex manifold: a complex variable."""

    @property
    def value(self) -> ComplexArray:
        """Copy of the current value, a NumPy complex array."""
        return to_complex(self.get_value())


@overload
def parameter(
    value: ComplexArray,
    manifold: Manifold | None = None,
    name: str | None = None,
    group: str | None = None,
) -> ComplexParameter: ...
@overload
def parameter(
    value: Any, manifold: None = None, name: str | None = None, group: str | None = None
) -> Parameter: ...
@overload
def parameter(
    value: Any, manifold: Manifold, name: str | None = None, group: str | None = None
) -> ComplexParameter | Any: ...
def parameter(
    value: Any,
    manifold: Any = None,
    name: str | None = None,
    group: str | None = None,
) -> Any:
    """Shared variable with a static shape, a ``.manifold``, flat space by default, and a ``.value``.

    On a complex manifold it is a complex variable, its storage ``.stacked``.

    ``value`` is an array of float32 or float64, copied; Python numbers, lists and integers become
    ``floatX``. A NumPy array of complex64 or complex128, of any number of axes, is stored stacked
    (`unitarygraph.stacked.from_complex`), by default on ``Euclidean("complex")``; its parameter's
    ``value`` is a complex array again. So is that of a stacked array with a complex manifold.

    ``group`` says which update rule it is for: "orthogonal" (unitary matrices and what they are made
    of), "phase" (angles with a rule of their own) or, by default, "other".

    Raises ValueError for an unknown group, when the value is not on the manifold, naming the
    deviation, or not of a shape that the manifold has, and for a complex value on a real manifold;
    TypeError for other dtypes.

    >>> import numpy as np, unitarygraph as ug
    >>> U = ug.manifolds.Unitary()
    >>> W = ug.parameter(U.random_point(3, rng=0), U, name="W")
    >>> W.type.shape, str(W.manifold)
    ((2, 3, 3), 'Unitary(complex)')
    >>> W.value.dtype.kind, ug.parameter(np.array([1 + 2j, 3]), name="z").value.shape
    ('c', (2,))
    """
    if manifold is not None and not isinstance(manifold, Manifold):
        raise TypeError(
            "parameter: manifold must be a manifold such as unitarygraph.manifolds.Unitary(), "
            f"got {manifold!r}"
        )
    if group not in (None, *GROUPS):
        raise ValueError(f"parameter: group must be one of {', '.join(GROUPS)}, got {group!r}")
    if isinstance(value, Variable):
        raise TypeError(f"parameter: value must be an array, got the variable {value}")
    array = np.array(value)
    label = "" if name is None else f" of {name!r}"
    if array.dtype.kind == "c":
        manifold = FLAT_COMPLEX if manifold is None else manifold
        if manifold.field != "complex":
            raise ValueError(
                f"parameter: the value{label} is complex ({array.dtype}) and the manifold real, "
                f"{manifold}; give a manifold with field='complex', or a real value"
            )
        array = np.asarray(from_complex(array))
        if not hasattr(value, "dtype"):
            array = array.astype(config.floatX)
    manifold = FLAT if manifold is None else manifold
    if array.dtype.kind in "iub" or (array.dtype.kind == "f" and not hasattr(value, "dtype")):
        array = array.astype(config.floatX)
    if array.dtype.name not in REAL_DTYPES:
        raise TypeError(f"parameter: value must be float32 or float64, got dtype {array.dtype}")
    try:
        manifold.require_point(array)
    except ValueError as error:
        raise ValueError(f"parameter: the value{label} was refused. {error}") from None
    kind = TensorType(array.dtype.name, shape=array.shape)
    known = ComplexParameter if manifold.field == "complex" else Parameter
    variable = known(type=kind, value=array, strict=False, name=name)
    variable.tag.manifold, variable.tag.group = manifold, group or "other"
    return variable


def group_of(variable):
    """Group of a shared variable or a clone of one; "other" where it was given none."""
    return getattr(variable.tag, "group", "other")


def manifold_of(variable):
    """Manifold of a shared variable or a clone of one; flat space, of its field, where it has none.

    Raises TypeError when the variable is not shared; ValueError when it was not made by `parameter` and
    is stored as complex square matrices are, ``(..., 2, n, n)``: whether it is flat is not known then.
    """
    manifold = declared_manifold(variable)
    if manifold is not None:
        return manifold
    if is_complex(variable):
        return FLAT_COMPLEX
    shape = np.shape(variable.get_value(borrow=True)) if hasattr(variable.type, "shape") else ()
    if len(shape) > 2 and shape[-3] == 2 and shape[-2] == shape[-1]:
        raise ValueError(
            f"params: {variable.name or variable} of shape {shape} may be stacked complex matrices and "
            "has no manifold; make it by unitarygraph.parameter(value, manifold), or by "
            "unitarygraph.parameter(value) for flat space"
        )
    return FLAT


def declared_manifold(variable):
    """Manifold that a shared variable was given, None where it was given none.

    Raises TypeError when the variable is not shared.
    """
    if not isinstance(variable, SharedVariable):
        raise TypeError(
            "params must be shared variables, made by unitarygraph.parameter or pytensor.shared, "
            f"got {variable!r}"
        )
    return getattr(variable.tag, "manifold", None) or getattr(variable, "manifold", None)
