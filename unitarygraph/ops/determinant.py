"""What makes a unitary matrix special: the argument of its determinant, and the nearest one with 1."""

import numpy as np
import pytensor.tensor as pt
import scipy.linalg
from pytensor.gradient import grad_not_implemented

from unitarygraph.core.blas import lapack_function, product
from unitarygraph.core.lapack import thin_svd
from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.stacked.algebra import algebra


class DetPhase(MatrixOp):
    r"""arg det A in :math:`(-\pi, \pi]`, ``(..., 2, n, n) -> (...)``; NaN when A is singular.

    :math:`d \arg\det A = \mathrm{Im}\,\mathrm{tr}(A^{-1} dA)`, so the adjoint is
    :math:`\bar A = \bar\varphi\, i A^{-H}`. Source: Magnus and Neudecker, Matrix Differential
    Calculus, section 8.3, taken in the imaginary part.
    """

    title = "arg det"
    arguments = ("A",)
    signature = "C(n,n)->R()"

    def matrix(self, a):
        if not a.size:
            return 0.0
        lu, pivots, _ = lapack_function("getrf", a.dtype.name)(a)
        d = np.diagonal(lu)
        swaps = np.count_nonzero(pivots != np.arange(len(pivots)))
        # A zero on the diagonal makes this 0 / 0.
        return np.angle((-1) ** swaps * np.prod(d / np.abs(d)))

    def array(self, xp, a):
        sign = xp.slogdet(a)[0]
        return xp.where(xp.abs(sign) > 0, xp.angle(sign), float("nan"))

    def pullback(self, inputs, outputs, cotangents):
        return [pt.shape_padright(cotangents[0], 3) * slope_of_phase(inputs[0])]

    def pushforward(self, inputs, outputs, tangents):
        return [algebra("complex").inner(slope_of_phase(inputs[0]), tangents[0])]


def slope_of_phase(a):
    """i A^{-H}, stacked, i the imaginary unit."""
    matrices = algebra("complex")
    inverse = matrices.solve(matrices.hconj(a), matrices.eye_like(a) + pt.zeros_like(a))
    return pt.stack([-inverse[..., 1, :, :], inverse[..., 0, :, :]], axis=-3)


class NearestSpecial(MatrixOp):
    r"""Matrix X with :math:`X^H X = I`, det X = 1 and the smallest distance to A, on values.

    With :math:`A = W \mathrm{diag}(s) V^H` it is :math:`W \mathrm{diag}(e^{i\theta}) V^H`, where the
    angles maximize :math:`\sum s_j \cos\theta_j` subject to their sum: all
    :math:`s_j \sin\theta_j` are equal. In the real field the sign of the column of the smallest s
    makes the determinant 1. Source: Kabsch (1978) in the real field.
    """

    title = "project"
    arguments = ("A",)
    signature = "F(n,n)->F(n,n)"

    def matrix(self, a):
        w, s, vh = thin_svd(a)
        total = -np.angle(scipy.linalg.det(product(w, vh), check_finite=False))
        if self.field == "real":
            w[:, -1] *= np.cos(total).astype(a.dtype)
            return product(w, vh)
        turn = np.exp(1j * angles(s.astype("float64"), total)).astype(a.dtype)
        return product(w * turn, vh)

    def array(self, xp, a):
        w, s, vh = xp.svd(a)
        total = -xp.angle(xp.slogdet(w @ vh)[0])
        if self.field == "real":
            last = xp.arange(s.shape[-1], like=s) == s.shape[-1] - 1
            turn = xp.where(last, xp.cos(total)[..., None], 1.0)
        else:
            turn = xp.exp(1j * angles_of_all(xp, s, total))
        return (w * turn[..., None, :]) @ vh

    def pullback(self, inputs, outputs, cotangents):
        why = "the nearest unitary matrix of determinant 1 is computed on values"
        return [grad_not_implemented(self, 0, inputs[0], why)]


def angles(s, total):
    r"""Angles with the given sum in [-pi, pi] that maximize the sum of s cos(angle), s descending.

    With t the angle of the smallest s the others are :math:`\arcsin(s_{min} \sin t / s_j)`; their
    sum less the total changes sign between t = 0 and t = total.
    """
    others = np.divide(s[-1], s[:-1], out=np.ones_like(s[:-1]), where=s[:-1] > 0)

    def rest(t):
        return np.arcsin(np.minimum(others * np.sin(t), 1))

    goal, low, high = abs(total), 0.0, abs(total)
    # Where all angles are below pi/2 the sum grows with t, and that solution is the best one.
    if high > np.pi / 2 and np.pi / 2 + rest(np.pi / 2).sum() >= goal:
        high = np.pi / 2
    elif high > np.pi / 2:
        low = np.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        if middle + rest(middle).sum() < goal:
            low = middle
        else:
            high = middle
    return np.sign(total) * np.append(rest(high), high)


def angles_of_all(xp, s, total):
    """`angles` for arrays of s and of sums."""
    ratio = xp.where(s > 0, s[..., -1:] / xp.where(s > 0, s, 1), 1)[..., :-1]

    def all_of(t):
        sines = ratio * xp.sin(t)[..., None]
        return xp.concatenate([xp.arcsin(xp.where(sines > 1, 1, sines)), t[..., None]], -1)

    def excess(t):
        return xp.sum(all_of(t), -1) - goal

    goal = xp.abs(total)
    right = xp.zeros_like(goal) + np.pi / 2
    within = (goal <= right) | (excess(right) >= 0)
    high = xp.where(within & (goal > right), right, goal)
    low = xp.where(within, 0 * right, right)

    def halve(_, state):
        low, high = state
        middle = (low + high) / 2
        below = excess(middle) < 0
        return xp.where(below, middle, low), xp.where(below, high, middle)

    _, high = xp.repeat(xp.zeros((), like=s) + 60, halve, (low, high))
    return xp.sign(total)[..., None] * all_of(high)
