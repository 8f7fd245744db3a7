"""How far a matrix is from being unitary."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from pytensor.compile.sharedvalue import SharedVariable

from unitarygraph.fields import algebra
from unitarygraph.manifolds import Euclidean
from unitarygraph.manifolds.base import gram_deviation
from unitarygraph.parameter import manifold_of


def unitarity(W, field=None):
    r""":math:`\|W^H W - I\|_F`, computed in double precision from values, never from a graph.

    Parameters
    ----------
    W
        - a NumPy array: complex or real matrices ``(..., m, n)`` as they are;
        - stored values ``(..., 2, m, n)``, with ``field="complex"``;
        - a shared variable: its value, stored as its manifold says; one without a manifold needs
          ``field``;
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
        for fewer than two axes, or a variable whose field is not known
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
    a manifold, or with ``field="complex"``, the matrices are stored as the field says.
    """
    manifold, value = manifold_of(p), p.get_value(borrow=True)
    matrices = algebra(manifold.field if field is None else field)
    if value.ndim < matrices.axes:
        return None
    if matrices.field == "real" and isinstance(manifold, Euclidean):
        shape = value.shape
        return Weights(value.reshape(shape[0], -1), lambda z: z.reshape(shape))
    return Weights(matrices.to_numpy(value), lambda z: matrices.from_numpy(z))


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
        manifold = getattr(W, "manifold", None)
        field = field or getattr(manifold, "field", None)
        if field is None:
            raise ValueError(
                f"unitarity: {W} has no manifold; say field='complex' (stacked) or field='real'"
            )
        W = W.get_value(borrow=True)
    z = np.asarray(W)
    if z.dtype.kind not in "fciu":
        raise TypeError(
            "unitarity: W must be an array, a shared variable or a model, "
            f"got {type(W).__name__} of dtype {z.dtype}"
        )
    if field is not None and z.dtype.kind != "c":
        z = algebra(field).to_numpy(z.astype("float64"))
    if z.ndim < 2:
        raise ValueError(f"unitarity: W must be (..., m, n), got shape {z.shape}")
    return z.astype("complex128" if z.dtype.kind == "c" else "float64")
