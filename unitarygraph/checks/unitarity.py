"""How far a matrix is from being unitary."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from pytensor.compile.sharedvalue import SharedVariable

from unitarygraph.manifolds import Euclidean
from unitarygraph.manifolds.base import gram_deviation
from unitarygraph.parameter import FLAT, declared_manifold
from unitarygraph.stacked.algebra import algebra


def unitarity(W, field=None):
    r""":math:`\|W^H W - I\|_F`, computed in double precision from values, never from a graph.

    Parameters
    ----------
    W
        - a NumPy complex array: matrices ``(..., m, n)``;
        - a real array of two axes: a real matrix ``(m, n)``;
        - a real array of more axes, with ``field``: stored complex matrices ``(..., 2, m, n)``, or
          real ones ``(..., m, n)``;
        - a shared variable: its value, stored as its manifold says; without one, as an array;
        - a model: the value of ``W.recurrent_matrix()``;
        - a list or tuple of shared variables: a report of the weights among them, as matrices that
          `unitarygraph.orthogonalize` takes them for: convolution kernels as ``(out, rest)``, and
          wide matrices by their rows, :math:`\|W W^H - I\|_F`.
    field
        "complex" or "real", for arrays and variables that do not tell

    Returns
    -------
    float, or an array with one number a matrix when W has batch axes; for a list the dict
    {variable: float}, the largest of a batch, without variables of fewer than two axes

    Raises
    ------
    TypeError
        when W is none of these
    ValueError
        for fewer than two axes, and for a real array, or a variable without a manifold, of three axes
        or more without ``field``: two real matrices and one stacked complex matrix look the same
    """
    if isinstance(W, list | tuple) and any(isinstance(p, SharedVariable) for p in W):
        weights = {p: weight_matrices(p, field) for p in W}
        return {p: _of_short_side(w.matrices) for p, w in weights.items() if w is not None}
    deviation = gram_deviation(_matrices(W, field))
    return float(deviation) if deviation.ndim == 0 else deviation


class Weights(NamedTuple):
    """NumPy matrices ``(..., m, n)``, and the way back to the stored value."""

    matrices: np.ndarray
    store: Callable[[np.ndarray], np.ndarray]


def weight_matrices(p, field=None):
    """`Weights` of a shared variable in its precision, None where it has fewer than two axes.

    In flat space the first axis of a real value is one of the matrix and all others are the other. On
    a manifold, or with ``field="complex"``, the matrices are stored as the field says. Raises
    ValueError for a variable of three axes or more that has neither a manifold nor a field.
    """
    declared, value = declared_manifold(p), p.get_value(borrow=True)
    if declared is None and field is None:
        refuse_unknown_field(p.name or str(p), np.shape(value))
    manifold = FLAT if declared is None else declared
    matrices = algebra(manifold.field if field is None else field)
    if value.ndim < matrices.axes:
        return None
    if matrices.field == "real" and isinstance(manifold, Euclidean):
        shape = value.shape
        return Weights(value.reshape(shape[0], -1), lambda z: z.reshape(shape))
    return Weights(matrices.to_numpy(value), lambda z: matrices.from_numpy(z))


def refuse_unknown_field(name, shape):
    """Raise ValueError for a real array of three axes or more, whose field nobody has said."""
    if len(shape) > 2:
        raise ValueError(
            f"{name} of shape {shape} may be real matrices or stacked complex ones; say field='real' "
            "or field='complex', or make it a unitarygraph.parameter with a manifold"
        )


def _of_short_side(z):
    z = z.astype("complex128" if z.dtype.kind == "c" else "float64")
    if z.shape[-1] > z.shape[-2]:
        z = np.conj(np.swapaxes(z, -1, -2))
    return float(np.max(gram_deviation(z), initial=0.0))


def _matrices(W, field):
    if hasattr(W, "recurrent_matrix"):
        W = W.recurrent_matrix()
        if W is None:
            raise TypeError("unitarity: this model has no recurrent matrix")
    elif isinstance(W, SharedVariable):
        field = field or getattr(declared_manifold(W), "field", None)
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
