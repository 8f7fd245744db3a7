"""The dissolved matrix A(X) and the penalty |C(X)|^2."""

import numpy as np
import pytensor.tensor as pt

from unitarygraph.dissolving.symplectic_stiefel import SymplecticStiefel
from unitarygraph.manifolds import GeneralizedStiefel, Grassmann, SpecialUnitary, Stiefel, Unitary
from unitarygraph.manifolds.unit_vectors import UnitVectors


def dissolve(X, manifold):
    r"""The dissolved matrix A(X), of the shape and dtype of X.

    ====================== ==================================== ==============================
    manifold               C(X)                                 A(X)
    ====================== ==================================== ==============================
    Unitary, Stiefel,      :math:`X^H X - I`                    :math:`X (I - C/2)`
    Grassmann
    GeneralizedStiefel     :math:`X^H B X - I`                  :math:`X (I - C/2)`
    SymplecticStiefel      :math:`J_p^T X^H J_n X - I`          :math:`X (I - C/2)`
    Sphere, Oblique,       :math:`|x|^2 - 1` for each vector    :math:`2x / (1 + |x|^2)`
    ComplexCircle
    ====================== ==================================== ==============================

    On the manifold A is the identity, and the derivative of C(A(X)) there is zero: A undoes any small
    violation to first order. X is stored as the manifold says, ``(..., 2, m, n)`` or ``(..., m, n)``,
    batched or not, and usually a parameter of flat space. What is on the manifold, up to the
    violation squared, is A(X) and not X: use and save that one. A makes sense near the manifold only;
    beyond singular values of :math:`\sqrt 3` it turns directions round.

    Raises TypeError for another manifold and for dtypes other than float32 and float64, ValueError for
    shapes that the manifold does not have.

    Source: Xiao, Liu, Toh (2024), table 1; Hu, Xiao, Liu, Toh (2022) for the Stiefel manifold.

    >>> import unitarygraph as ug
    >>> S = ug.manifolds.Stiefel("real")
    >>> X = ug.parameter(S.random_point((5, 3), rng=0, dtype="float64") + 0.01, name="X")
    >>> W = ug.dissolve(X, S).eval(mode="FAST_COMPILE")
    >>> ug.unitarity(X, field="real") > 10 * ug.unitarity(W)
    True
    """
    (X,) = _checked("dissolve", X, manifold)
    if isinstance(manifold, UnitVectors):
        return 2 * X / (1 + manifold.pairing(X, X))
    half = np.asarray(0.5, X.type.dtype)
    return X - half * manifold.matrices.matmul(X, _violation(X, manifold))


def quad_penalty(X, manifold):
    r"""Sum of squares of the constraint's violation, :math:`\|C(X)\|_F^2`, a scalar.

    C as in `dissolve`, summed over the matrices of a batch too. Raises as `dissolve` does.

    >>> import numpy as np, unitarygraph as ug
    >>> S = ug.manifolds.Stiefel("real")
    >>> float(ug.quad_penalty(2 * np.eye(3), S).eval(mode="FAST_COMPILE"))
    27.0
    """
    (X,) = _checked("quad_penalty", X, manifold)
    return pt.sum(pt.square(_violation(X, manifold)))


def _violation(X, manifold):
    """C(X): a matrix, or one number a unit vector."""
    if isinstance(manifold, UnitVectors):
        return manifold.pairing(X, X) - 1
    return _gram(X, manifold) - manifold.matrices.eye_like(X)


def _gram(X, manifold):
    """The p x p matrix that is the identity on the manifold."""
    matmul, hconj = manifold.matrices.matmul, manifold.matrices.hconj
    if isinstance(manifold, GeneralizedStiefel):
        B = np.conj(manifold.factor.T) @ manifold.factor
        return matmul(hconj(X), manifold.matrices.from_numpy(B).astype(X.type.dtype), X)
    if isinstance(manifold, SymplecticStiefel):
        return -matmul(hconj(_turned(X, -1)), _turned(X, -2))
    return matmul(hconj(X), X)


def _turned(X, axis):
    """J_n X for the rows' axis -2, -X J_p for the columns' axis -1."""
    length = X.type.shape[axis]
    half = (X.shape[axis] if length is None else length) // 2
    head, tail = pt.split(X, [half, half], n_splits=2, axis=axis)
    return pt.concatenate([tail, -head], axis=axis)


DISSOLVED = (Unitary, Stiefel, Grassmann, SymplecticStiefel, UnitVectors)


def _checked(function, X, manifold):
    if not isinstance(manifold, DISSOLVED) or isinstance(manifold, SpecialUnitary):
        raise TypeError(
            f"{function}: manifold must be a Unitary, Stiefel, Grassmann, GeneralizedStiefel, "
            f"SymplecticStiefel, Sphere, Oblique or ComplexCircle, got {manifold}"
        )
    return manifold.arguments(function, X=X)
