"""Shared variables that know their manifold."""

import numpy as np
import pytensor
from pytensor import config
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable

from unitarygraph.manifolds import Euclidean, Manifold
from unitarygraph.stacked.layout import REAL_DTYPES

FLAT = Euclidean(field="real")


def parameter(value, manifold=None, name=None):
    """Shared variable with a static shape and a ``.manifold``, flat space by default.

    ``value`` is an array of float32 or float64, copied; Python numbers, lists and integers become
    ``floatX``. Complex values are stored stacked (`unitarygraph.stacked.from_complex`).

    Raises ValueError when the value is not on the manifold, naming the deviation, or not of a shape
    that the manifold has; TypeError for complex and other dtypes.

    >>> import unitarygraph as ug
    >>> U = ug.manifolds.Unitary()
    >>> W = ug.parameter(U.random_point(3, rng=0), U, name="W")
    >>> W.type.shape, str(W.manifold)
    ((2, 3, 3), 'Unitary(complex)')
    """
    manifold = FLAT if manifold is None else manifold
    if not isinstance(manifold, Manifold):
        raise TypeError(
            "parameter: manifold must be a manifold such as unitarygraph.manifolds.Unitary(), "
            f"got {manifold!r}"
        )
    if isinstance(value, Variable):
        raise TypeError(f"parameter: value must be an array, got the variable {value}")
    array = np.array(value)
    if array.dtype.kind == "c":
        raise TypeError(
            f"parameter: value must be real, got dtype {array.dtype}; "
            "stack it with unitarygraph.stacked.from_complex"
        )
    if array.dtype.kind in "iub" or (array.dtype.kind == "f" and not hasattr(value, "dtype")):
        array = array.astype(config.floatX)
    if array.dtype.name not in REAL_DTYPES:
        raise TypeError(f"parameter: value must be float32 or float64, got dtype {array.dtype}")
    try:
        manifold.check_point(array)
    except ValueError as error:
        label = "" if name is None else f" of {name!r}"
        raise ValueError(f"parameter: the value{label} was refused. {error}") from None
    variable = pytensor.shared(array, name=name, shape=array.shape)
    # PyTensor copies `tag` when it clones a variable, not other attributes.
    variable.tag.manifold = variable.manifold = manifold
    return variable


def manifold_of(variable):
    """Manifold of a shared variable or a clone of one; flat space where it has none.

    Raises TypeError when the variable is not shared.
    """
    if not isinstance(variable, SharedVariable):
        raise TypeError(
            "params must be shared variables, made by unitarygraph.parameter or pytensor.shared, "
            f"got {variable!r}"
        )
    return getattr(variable, "manifold", None) or getattr(variable.tag, "manifold", FLAT)
