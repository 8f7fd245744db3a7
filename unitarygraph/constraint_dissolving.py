r"""Constraint dissolving: any unconstrained optimizer on a matrix that should stay on a manifold.

Minimize :math:`f(A(X)) + \frac{\beta}{2} |C(X)|^2` over free matrices X, with a map A that keeps the
points of the manifold and undoes a violation C to first order. Source: Xiao, Liu, Toh (2024),
"Dissolving constraints for Riemannian optimization", Mathematics of Operations Research 49.
"""

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph.core.layout import is_complex, storage
from unitarygraph.manifolds import (
    GeneralizedStiefel,
    Grassmann,
    Manifold,
    Product,
    SpecialUnitary,
    Stiefel,
    SymplecticStiefel,
    Unitary,
)
from unitarygraph.manifolds.symplectic_stiefel import symplectic_gram
from unitarygraph.manifolds.unit_vectors import UnitVectors
from unitarygraph.stacked.variables import mark


def dissolve(X: Any, manifold: Manifold) -> Any:
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
    Product                its factors', each of its entry      the tuple of its factors'
    ====================== ==================================== ==============================

    On the manifold A is the identity, and the derivative of C(A(X)) there is zero: A undoes any small
    violation to first order. X is a complex variable or NumPy complex array, and so A(X) is a complex
    variable; or it is stored as the manifold says, ``(..., 2, m, n)`` or ``(..., m, n)``, batched or
    not; usually it is a parameter of flat space. What is on the manifold, up to the violation squared,
    is A(X) and not X: use and save that one. A makes sense near the manifold only; beyond singular
    values of :math:`\sqrt 3` it turns directions round.

    Raises TypeError for another manifold and for dtypes other than float32 and float64, ValueError for
    shapes that the manifold does not have and for a complex X on a real one.

    Source: Xiao, Liu, Toh (2024), table 1; Hu, Xiao, Liu, Toh (2022) for the Stiefel manifold.

    >>> import unitarygraph as ug
    >>> S = ug.manifolds.Stiefel("real")
    >>> X = ug.parameter(S.random_point((5, 3), rng=0, dtype="float64") + 0.01, name="X")
    >>> W = ug.dissolve(X, S).eval(mode="FAST_COMPILE")
    >>> ug.unitarity(X, field="real") > 10 * ug.unitarity(W)
    True
    """
    if isinstance(manifold, Product):
        rows = _entries("dissolve", X, manifold)
        return tuple(dissolve(x, m) for x, m in rows)
    stored = _checked("dissolve", X, manifold)
    if isinstance(manifold, UnitVectors):
        dissolved = 2 * stored / (1 + manifold.pairing(stored, stored))
    else:
        half = np.asarray(0.5, stored.type.dtype)
        violation = _violation(stored, manifold)
        dissolved = stored - half * manifold.matrices.matmul(stored, violation)
    return mark(dissolved) if is_complex(X) else dissolved


def quad_penalty(X: Any, manifold: Manifold) -> TensorVariable:
    r"""Sum of squares of the constraint's violation, :math:`\|C(X)\|_F^2`, a scalar.

    C as in `dissolve`, summed over the matrices of a batch and the factors of a product too. Raises as
    `dissolve` does.

    >>> import numpy as np, unitarygraph as ug
    >>> S = ug.manifolds.Stiefel("real")
    >>> float(ug.quad_penalty(2 * np.eye(3), S).eval(mode="FAST_COMPILE"))
    27.0
    """
    if isinstance(manifold, Product):
        shares: Any = (quad_penalty(x, m) for x, m in _entries("quad_penalty", X, manifold))
        return sum(shares)
    stored = _checked("quad_penalty", X, manifold)
    return pt.sum(pt.square(_violation(stored, manifold)))


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
        return symplectic_gram(manifold.matrices, X)
    return matmul(hconj(X), X)


DISSOLVED = (Unitary, Stiefel, Grassmann, SymplecticStiefel, UnitVectors)


def _checked(function, X, manifold):
    if not isinstance(manifold, DISSOLVED) or isinstance(manifold, SpecialUnitary):
        raise TypeError(
            f"{function}: manifold must be a Unitary, Stiefel, Grassmann, GeneralizedStiefel, "
            f"SymplecticStiefel, Sphere, Oblique, ComplexCircle or a Product of them, got {manifold}"
        )
    if is_complex(X) and manifold.field == "real":
        raise ValueError(f"{function}: X is complex and the manifold real, {manifold}")
    (stored,) = manifold.arguments(function, X=storage(X))
    return stored


def _entries(function, X, manifold):
    """Each entry of a product's point with its factor."""
    if len(X) != len(manifold.manifolds):
        raise ValueError(
            f"{function}: X must have {len(manifold.manifolds)} entries on {manifold}, got {len(X)}"
        )
    return zip(X, manifold.manifolds, strict=True)
