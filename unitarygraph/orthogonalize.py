"""Weights replaced by their nearest matrices with orthonormal rows or columns, in place."""

import numpy as np
from pytensor.compile.sharedvalue import SharedVariable

from unitarygraph.checks.unitarity import weight_matrices
from unitarygraph.core.layout import REAL_DTYPES
from unitarygraph.parameter import FLAT, declared_manifold


def orthogonalize(params, field=None):
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
