"""How far a matrix is from being unitary."""

from typing import Any

import numpy as np
from pytensor.compile.sharedvalue import SharedVariable

from unitarygraph.core.layout import is_complex
from unitarygraph.manifolds.values import gram_deviation
from unitarygraph.parameter import declared_manifold
from unitarygraph.stacked.algebra import algebra


def matrix_unitarity(W: Any, field: str | None = None) -> Any:
    r""":math:`\|W^H W - I\|_F`, computed in double precision from values, never from a graph.

    W, its field, the result and what is raised are those of `unitarygraph.unitarity`, of arrays and
    shared variables; other arguments raise TypeError.
    """
    deviation = gram_deviation(_matrices(W, field))
    return float(deviation) if deviation.ndim == 0 else deviation


def known_field(variable):
    """Field of a shared variable that tells it, by its manifold or its class; None of another."""
    if is_complex(variable):
        return "complex"
    return getattr(declared_manifold(variable), "field", None)


def refuse_unknown_field(name, shape):
    """Raise ValueError for a real array of three axes or more, whose field nobody has said."""
    if len(shape) > 2:
        raise ValueError(
            f"{name} of shape {shape} may be real matrices or stacked complex ones; say field='real' "
            "or field='complex', or make it a unitarygraph.parameter with a manifold"
        )


def _matrices(W, field):
    if isinstance(W, SharedVariable):
        field = field or known_field(W)
        W = W.get_value(borrow=True)
    z = np.asarray(W)
    if z.dtype.kind not in "fciu":
        raise TypeError(
            "unitarity: W must be an array, a shared variable or a model, "
            f"got {type(W).__name__} of dtype {z.dtype}"
        )
    if field is None and z.dtype.kind != "c":
        refuse_unknown_field("unitarity: W", z.shape)
    if field is not None and z.dtype.kind != "c":
        z = algebra(field).to_numpy(z.astype("float64"))
    if z.ndim < 2:
        raise ValueError(f"unitarity: W must be (..., m, n), got shape {z.shape}")
    return z.astype("complex128" if z.dtype.kind == "c" else "float64")
