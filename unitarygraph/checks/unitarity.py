"""How far a matrix is from being unitary."""

import numpy as np
from pytensor.compile.sharedvalue import SharedVariable

from unitarygraph.fields import algebra
from unitarygraph.manifolds.base import gram_deviation


def unitarity(W, field=None):
    r""":math:`\|W^H W - I\|_F`, computed in double precision from values, never from a graph.

    Parameters
    ----------
    W
        - a NumPy array: complex or real matrices ``(..., m, n)`` as they are;
        - stored values ``(..., 2, m, n)``, with ``field="complex"``;
        - a shared variable: its value, stored as its manifold says; one without a manifold needs
          ``field``;
        - a model: the value of ``W.recurrent_matrix()``.
    field
        "complex" or "real", for arrays and variables that do not tell

    Returns
    -------
    float, or an array with one number a matrix when W has batch axes

    Raises
    ------
    TypeError
        when W is none of these
    ValueError
        for fewer than two axes, or a variable whose field is not known
    """
    deviation = gram_deviation(_matrices(W, field))
    return float(deviation) if deviation.ndim == 0 else deviation


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
