"""One Newton-Schulz step towards the polar factor, as an Op.

It is an Op of its own because a graph of products would be rewritten away: where X is known to be
unitary, ``X^H X`` becomes the identity, and the rounding that the step is there to remove stays.
"""

import numpy as np

from unitarygraph.fields import algebra
from unitarygraph.stacked.matrix_op import MatrixOp


class NewtonSchulz(MatrixOp):
    r""":math:`Y = X (3 I - X^H X) / 2`, ``(..., 2, m, n) -> (..., 2, m, n)``, m >= n.

    Adjoint: :math:`\bar X = \frac32 \bar Y - \frac12 (\bar Y X^H X + X \bar Y^H X + X X^H \bar Y)`.
    """

    title = "newton_schulz"
    arguments = ("X",)
    signature = "F(m,n)->F(m,n)"
    conditions = (("m >= n", "X must have at least as many rows as columns"),)

    def matrix(self, x):
        return step(x)

    def pullback(self, inputs, outputs, cotangents):
        (x,) = inputs
        (y_bar,) = cotangents
        return [step_derivative(algebra(self.field), x, y_bar)]

    def pushforward(self, inputs, outputs, tangents):
        (x,) = inputs
        (dx,) = tangents
        return [step_derivative(algebra(self.field), x, dx)]


def newton_schulz(X, field="complex"):
    r"""One step :math:`X (3 I - X^H X)/2` towards the polar factor of X, of X's shape and dtype.

    ``(..., 2, m, n)``, or ``(..., m, n)`` with ``field="real"``, m >= n. A deviation
    :math:`\|X^H X - I\| = \delta` becomes about :math:`\frac34 \delta^2`: it removes what rounding
    leaves. Converges for singular values below :math:`\sqrt 3`. Gradients of any order. Raises
    ValueError for shapes, TypeError for dtypes. Source: Higham, Functions of Matrices (2008),
    section 8.3.
    """
    return NewtonSchulz(field)(X)


def step(x):
    """The step for one NumPy matrix."""
    # From the deviation, so that a small one keeps its digits.
    gram = x.conj().T @ x - np.eye(x.shape[1], dtype=x.dtype)
    return x - x.dtype.type(0.5) * (x @ gram)


def step_derivative(matrices, x, e):
    """Derivative of the step in the direction e; the map is self-adjoint in Re tr(A^H B)."""
    dot, xh, eh = matrices.matmul, matrices.hconj(x), matrices.hconj(e)
    half = np.asarray(0.5, x.type.dtype)
    return 3 * half * e - half * (dot(e, dot(xh, x)) + dot(x, dot(eh, x)) + dot(x, dot(xh, e)))
