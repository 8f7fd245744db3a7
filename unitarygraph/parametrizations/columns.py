"""Weights of any shape from square unitary matrices: leading columns and leading rows."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from pytensor.tensor.variable import TensorVariable

from unitarygraph.parametrizations.base import Parametrization, Weight
from unitarygraph.parametrizations.inverse import semi_unitary_matrix
from unitarygraph.stacked.typing import Array, Seed


class _Leading(Weight):
    """A part of a parametrized W; what is trained, kept and updated is the parametrization's own."""

    #: what there are fewer of
    side = ""

    def __init__(self, parametrization: Any, short: int, shape: Any) -> None:
        if not 1 <= short <= parametrization.n:
            raise ValueError(
                f"{type(self).__name__}: {self.side} must be 1 to {parametrization.n}, got {short}"
            )
        self.parametrization, self.shape = parametrization, shape
        self.field, self.dtype = parametrization.field, parametrization.dtype
        self.matrices, self.unitary = parametrization.matrices, parametrization.unitary

    @abstractmethod
    def part(self, W):
        """The leading columns or rows of a stored or NumPy matrix."""

    def matrix(self) -> TensorVariable:
        return self.part(self.parametrization.stored())

    def value(self) -> Array:
        """Current weight as a NumPy complex (real) array."""
        return self.part(self.parametrization.value())


class LeadingColumns(_Leading):
    r"""The first k columns of an n x n W: a tall weight ``(2, n, k)``, real ``(n, k)``.

    Where W is unitary its columns are orthonormal, :math:`V^H V = I`: x V never lengthens x, and all
    singular values of V are 1. Parameters and cost are those of W, which is made in full. `set_value`
    completes the columns to the unitary matrix nearest to I that has them (of
    determinant 1 in the real field), and raises ValueError where that is no value of the
    parametrization or the columns are not orthonormal, naming the deviation.

    Source: Lezcano-Casado and Martinez-Rubio (2019), and the orthogonal layer of their code.
    """

    side = "columns"

    def __init__(self, parametrization: Parametrization, columns: int) -> None:
        super().__init__(parametrization, columns, (parametrization.n, columns))

    def part(self, W):
        return W[..., :, : self.shape[1]]

    def set_value(self, W: Array) -> None:
        """Set the parameters so that the weight is the NumPy array W."""
        V = semi_unitary_matrix("LeadingColumns.set_value", W, self.shape, self.field, self.dtype)
        self.parametrization.set_value(completed(V))


class LeadingRows(_Leading):
    r"""The first k rows of an n x n W: a wide weight ``(2, k, n)``, real ``(k, n)``.

    Its rows are orthonormal where W is unitary, :math:`V V^H = I`: then x V keeps lengths. Otherwise as
    `LeadingColumns`.
    """

    side = "rows"

    def __init__(self, parametrization: Parametrization, rows: int) -> None:
        super().__init__(parametrization, rows, (rows, parametrization.n))

    def part(self, W):
        return W[..., : self.shape[0], :]

    def set_value(self, W: Array) -> None:
        """Set the parameters so that the weight is the NumPy array W."""
        V = semi_unitary_matrix("LeadingRows.set_value", W, self.shape, self.field, self.dtype)
        self.parametrization.set_value(completed(V.conj().T).conj().T)


def semi_unitary(
    parametrization: Any,
    shape: Sequence[int],
    field: str = "real",
    rng: Seed = None,
    dtype: Any = None,
    name: str = "weight",
) -> Weight:
    """Weight of a shape ``(rows, columns)`` from any parametrization, orthonormal on its short side.

    The parametrized matrix is square of the larger size n: the weight is the matrix itself, its
    `LeadingColumns` where ``rows`` is larger, its `LeadingRows` where ``columns`` is.

    Parameters
    ----------
    parametrization : a class of `unitarygraph.parametrizations`, or a function called as
        ``(n, field=, rng=, dtype=, name=)`` that gives an instance, such as
        ``functools.partial(Householder, reflections=4)``; or an instance of size n and this field
    shape : (rows, columns)
    field, rng, dtype, name : given to the class or function; an instance has its own, of which
        ``field`` must be the same

    Returns a `unitarygraph.Module` with ``()``, ``apply(x)``, ``value()`` and ``set_value(W)``. Raises
    ValueError for sizes below 1 and an instance of another size or field, TypeError for what gives no
    parametrization.

    >>> from unitarygraph.parametrizations import Cayley, semi_unitary
    >>> semi_unitary(Cayley, (5, 3)).value().shape
    (5, 3)
    """
    rows, columns = shape
    if min(shape) < 1:
        raise ValueError(f"semi_unitary: shape must have sizes of at least 1, got {tuple(shape)}")
    n = max(rows, columns)
    square = parametrization
    if not isinstance(square, Parametrization):
        if not callable(square):
            raise TypeError(
                "semi_unitary: parametrization must be a class, a function or an instance of "
                f"unitarygraph.parametrizations, got {square!r}"
            )
        square = square(n, field=field, rng=rng, dtype=dtype, name=name)
        if not isinstance(square, Parametrization):
            raise TypeError(
                f"semi_unitary: {parametrization!r} must give a Parametrization, got {square!r}"
            )
    if (square.n, square.field) != (n, field):
        raise ValueError(
            f"semi_unitary: parametrization must be of n={n} and field={field!r} for a weight "
            f"({rows}, {columns}), got n={square.n} and field={square.field!r}"
        )
    if rows == columns:
        return square
    return LeadingColumns(square, columns) if rows > columns else LeadingRows(square, rows)


def completed(V):
    r"""Unitary matrix with the given orthonormal first columns ``(n, k)``, the nearest to I.

    Of determinant 1 in the real field (if k < n). Its other columns are N Q, with N a basis of the
    complement and Q the polar factor of :math:`N^H E`, E the last n - k columns of I; for the
    determinant the direction of the smallest singular value is reversed.
    """
    n, k = V.shape
    N = np.linalg.qr(V, mode="complete")[0][:, k:]
    u, _, vh = np.linalg.svd(N.conj().T[:, k:])
    W = np.concatenate([V, N @ u @ vh], axis=1)
    if k < n and not np.iscomplexobj(V) and np.linalg.det(W) < 0:
        u[:, -1] *= -1
        W = np.concatenate([V, N @ u @ vh], axis=1)
    return W
