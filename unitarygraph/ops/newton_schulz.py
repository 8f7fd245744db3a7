"""One Newton-Schulz step toward the polar factor, as an Op.

It is an Op of its own because a graph of products would be rewritten away: where X is known to be
unitary, ``X^H X`` becomes the identity, and the rounding that the step is there to remove stays.
"""

from itertools import permutations
from typing import Any, Literal, overload

import numpy as np
from pytensor.tensor.variable import TensorVariable

from unitarygraph.core.array import hconj
from unitarygraph.core.blas import hconj_product, product
from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.core.tangents import is_connected, sum_or_disconnected
from unitarygraph.stacked.algebra import algebra
from unitarygraph.stacked.operands import operands, result
from unitarygraph.stacked.typing import ArrayLike, ComplexField, Field, RealField
from unitarygraph.stacked.variables import ComplexVariable


class NewtonSchulz(MatrixOp):
    r""":math:`Y = X (3 I - X^H X) / 2`, ``(..., 2, m, n) -> (..., 2, m, n)``, m >= n.

    Adjoint: :math:`\bar X = \frac32 \bar Y - \frac12 (\bar Y X^H X + X \bar Y^H X + X X^H \bar Y)`.
    """

    __props__ = ("field", "on_manifold")
    title = "newton_schulz"
    arguments = ("X",)
    signature = "F(m,n)->F(m,n)"
    conditions = (("m >= n", "X must have at least as many rows as columns"),)

    def __init__(self, field="complex", on_manifold=False):
        self.on_manifold = on_manifold
        super().__init__(field)

    def matrix(self, x):
        return step(x)

    def array(self, xp, x):
        return steps(xp, x)

    def pullback(self, inputs, outputs, cotangents):
        (x,) = inputs
        (y_bar,) = cotangents
        if self.on_manifold:
            return [y_bar]
        return [NewtonSchulzDerivative(self.field)(x, y_bar)]

    def pushforward(self, inputs, outputs, tangents):
        (x,) = inputs
        (dx,) = tangents
        if self.on_manifold:
            return [dx]
        return [NewtonSchulzDerivative(self.field)(x, dx)]


class NewtonSchulzDerivative(MatrixOp):
    r"""Derivative of the step in the direction E, self-adjoint in Re tr(A^H B).

    :math:`\frac32 E - \frac12 (E X^H X + X E^H X + X X^H E)`.
    """

    title = "newton_schulz"
    arguments = ("X", "E")
    signature = "F(m,n),F(m,n)->F(m,n)"

    def matrix(self, x, e):
        gram = hconj_product(x, x) - np.eye(x.shape[1], dtype=x.dtype)
        inside = hconj_product(x, e)
        half = x.dtype.type(0.5)
        return e - half * (product(e, gram) + product(x, inside + inside.conj().T))

    def array(self, xp, x, e):
        gram, inside = hconj(xp, x) @ x, hconj(xp, x) @ e
        around = e @ (gram - xp.eye_like(gram)) + x @ (inside + hconj(xp, inside))
        return e - 0.5 * around

    def pullback(self, inputs, outputs, cotangents):
        (g,) = cotangents
        return [self._second(*inputs, g), self(inputs[0], g)]

    def pushforward(self, inputs, outputs, tangents):
        x, e = inputs
        dx, de = tangents
        terms = [self(x, de)] if is_connected(de) else []
        if is_connected(dx):
            terms.append(self._second(x, e, dx))
        return [sum_or_disconnected(terms)]

    def _second(self, x, e, g):
        """-1/2 of a b^H c summed over the orders of x, e and g: symmetric in e and g."""
        matrices = algebra(self.field)
        total = sum_or_disconnected(
            matrices.matmul(a, matrices.matmul(matrices.hconj(b), c))
            for a, b, c in permutations((x, e, g))
        )
        return total * np.asarray(-0.5, x.type.dtype)


@overload
def newton_schulz(
    X: ComplexVariable, field: ComplexField = None, on_manifold: bool = False
) -> ComplexVariable: ...
@overload
def newton_schulz(
    X: TensorVariable, field: RealField = None, on_manifold: bool = False
) -> TensorVariable: ...
@overload
def newton_schulz(
    X: TensorVariable, field: Literal["complex"], on_manifold: bool = False
) -> ComplexVariable: ...
@overload
def newton_schulz(X: ArrayLike, field: Field | None = None, on_manifold: bool = False) -> Any: ...
def newton_schulz(X: Any, field: Any = None, on_manifold: bool = False) -> Any:
    r"""One step :math:`X (3 I - X^H X)/2` toward the polar factor of X, of X's shape and dtype.

    ``(..., 2, m, n)``, or ``(..., m, n)`` with ``field="real"``, m >= n. A deviation
    :math:`\|X^H X - I\| = \delta` becomes about :math:`\frac34 \delta^2`: it removes what rounding
    leaves. Converges for singular values below :math:`\sqrt 3`. Gradients of any order. Raises
    ValueError for shapes, TypeError for dtypes. Source: Higham, Functions of Matrices (2008),
    section 8.3.

    With ``on_manifold=True`` X must have orthonormal columns, but for rounding, whatever it is a
    function of. All its tangents are then tangent to the manifold, where the step's derivative is
    the identity: it is taken as such, which costs nothing.
    """
    field, (X,) = operands("newton_schulz", field, X=X)
    return result(field, NewtonSchulz(field, on_manifold)(X))


def step(x):
    """The step for one NumPy matrix."""
    # From the deviation, so that a small one keeps its digits.
    gram = hconj_product(x, x) - np.eye(x.shape[1], dtype=x.dtype)
    return x - x.dtype.type(0.5) * product(x, gram)


def steps(xp, x):
    """The steps for an array of matrices, likewise."""
    gram = hconj(xp, x) @ x
    return x - 0.5 * (x @ (gram - xp.eye_like(gram)))
