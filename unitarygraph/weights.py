"""Any weight as matrices: how far they are from orthonormal, and the nearest ones in their place."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from pytensor.compile.sharedvalue import SharedVariable

from unitarygraph.checks.deviation import known_field, matrix_unitarity, refuse_unknown_field
from unitarygraph.core.layout import REAL_DTYPES
from unitarygraph.manifolds import Euclidean
from unitarygraph.manifolds.values import gram_deviation
from unitarygraph.parameter import FLAT, declared_manifold
from unitarygraph.stacked.algebra import algebra
from unitarygraph.stacked.typing import Params


class Weights(NamedTuple):
    """NumPy matrices ``(..., m, n)``, and the way back to the stored value."""

    matrices: np.ndarray
    store: Callable[[np.ndarray], np.ndarray]


def weight_matrices(p, field=None):
    """`Weights` of a shared variable in its precision, None where it has fewer than two axes.

    In flat space the first axis of a real value is one of the matrix and all others are the other. On
    a manifold, of a complex variable, or with ``field="complex"``, the matrices are stored as the field
    says. Raises ValueError for a variable of three axes or more that has neither a manifold nor a field.
    """
    declared, value = declared_manifold(p), p.get_value(borrow=True)
    field = known_field(p) if field is None else field
    if field is None:
        refuse_unknown_field(p.name or str(p), np.shape(value))
    matrices = algebra("real" if field is None else field)
    if value.ndim < matrices.axes:
        return None
    if matrices.field == "real" and (declared is None or isinstance(declared, Euclidean)):
        shape = value.shape
        return Weights(value.reshape(matrix_shape(shape)), lambda z: z.reshape(shape))
    return Weights(matrices.to_numpy(value), lambda z: matrices.from_numpy(z))


def matrix_shape(shape):
    """Shape of the matrix that a real weight of flat space is: its first axis against all others.

    A convolution's ``(out, in, kh, kw)`` is ``(out, in kh kw)``.
    """
    return shape[0], int(np.prod(shape[1:]))


def unitarity(W: Any, field: str | None = None) -> Any:
    r""":math:`\|W^H W - I\|_F`, computed in double precision from values, never from a graph.

    Parameters
    ----------
    W
        - a NumPy complex array: matrices ``(..., m, n)``;
        - a real array of two axes: a real matrix ``(m, n)``;
        - a real array of more axes, with ``field``: stored complex matrices ``(..., 2, m, n)``, or
          real ones ``(..., m, n)``;
        - a shared variable: its value, stored as its manifold says, or complex where it is a complex
          variable; without either, as an array;
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
    if hasattr(W, "recurrent_matrix"):
        W = W.recurrent_matrix()
        if W is None:
            raise TypeError("unitarity: this model has no recurrent matrix")
    return matrix_unitarity(W, field)


def _of_short_side(z):
    z = z.astype("complex128" if z.dtype.kind == "c" else "float64")
    if z.shape[-1] > z.shape[-2]:
        z = np.conj(np.swapaxes(z, -1, -2))
    return float(np.max(gram_deviation(z), initial=0.0))


def orthogonalize(params: Params, field: str | None = None) -> None:
    r"""Replace each weight, in place, by the polar factor :math:`U V^H` of its thin SVD.

    It is the nearest matrix with orthonormal columns, or with orthonormal rows where there are fewer of
    those. A real weight of flat space is taken as the matrix ``(out, rest)``, its first axis against
    all others, and reshaped back, so that convolution kernels ``(out, in, kh, kw)`` are included; a
    complex one, or one on another manifold, as the matrices ``(..., 2, m, n)`` or ``(..., m, n)`` that
    its field says. What has fewer axes than a matrix, such as a bias ``(n,)`` or a complex one
    ``(2, n)``, is left alone, so that ``orthogonalize(model.params)`` serves models of both fields.
    Where a weight has not full rank the factor is not unique, one is taken.

    Parameters
    ----------
    params : shared variables of float32 or float64, or one
    field : "complex" for stacked weights ``(..., 2, m, n)`` without a manifold, "real" for others
        that `unitarygraph.parameter` did not make

    Raises
    ------
    ValueError
        for a weight with NaN or infinite entries, on a manifold that the factor is not on, or of three
        axes or more without a manifold or ``field``; nothing is changed then
    TypeError
        for params that are not shared variables of floats

    Source: Saxe, McClelland, Ganguli (2014); the nearest matrix: Fan and Hoffman (1955). Within a
    compiled step the same is done by the update rules on ``Unitary`` and ``Stiefel`` parameters.

    >>> import numpy as np, unitarygraph as ug
    >>> kernel = ug.parameter(np.random.default_rng(0).standard_normal((4, 3, 3, 3)), name="kernel")
    >>> ug.orthogonalize([kernel])
    >>> rows = kernel.get_value().reshape(4, -1)
    >>> bool(np.allclose(rows @ rows.T, np.eye(4)))
    True
    """
    params = [params] if isinstance(params, SharedVariable) else list(params)
    values = [_orthogonal(p, field) for p in params]
    for p, value in zip(params, values, strict=True):
        if value is not None:
            p.set_value(value)


def _orthogonal(p, field):
    """The new stored value of p, None where it is no matrix."""
    manifold, label = declared_manifold(p), p.name or str(p)
    if p.type.dtype not in REAL_DTYPES:
        raise TypeError(f"orthogonalize: {label} must be float32 or float64, got {p.type.dtype}")
    weights = weight_matrices(p, field)
    if weights is None:
        return None
    bad = np.size(weights.matrices) - np.count_nonzero(np.isfinite(weights.matrices))
    if bad:
        raise ValueError(f"orthogonalize: {label} has {bad} entries that are NaN or infinite")
    u, _, vh = np.linalg.svd(weights.matrices, full_matrices=False)
    value = weights.store(u @ vh)
    try:
        (FLAT if manifold is None else manifold).require_point(value)
    except ValueError as error:
        raise ValueError(
            f"orthogonalize: the polar factor of {label} was refused. {error}"
        ) from None
    return value
