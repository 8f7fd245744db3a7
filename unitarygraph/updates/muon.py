"""Muon: momentum, orthogonalized, of flat matrices and on Unitary and Stiefel."""

import numpy as np
import pytensor.tensor as pt

from unitarygraph.manifolds import Euclidean, Stiefel, Unitary
from unitarygraph.stacked.algebra import algebra
from unitarygraph.stacked.typing import LossOrGrads, Params, Scalar, Updates
from unitarygraph.updates.base import descend, label, serves

#: of the odd polynomial a x + b x^3 + c x^5, steepest at zero; it ends in about (0.68, 1.13)
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
#: retractions that accept a step which is not tangent, as an orthogonalized one on Stiefel
PROJECTIONS = ("polar", "qr")


@serves(Euclidean, companion="adam")
def muon(
    loss_or_grads: LossOrGrads,
    params: Params,
    learning_rate: Scalar,
    *,
    momentum: Scalar = 0.95,
    nesterov: bool = True,
    steps: int = 5,
    epsilon: Scalar = 1e-7,
    field: str | None = None,
) -> Updates:
    r"""Muon on flat matrices: steepest descent in the spectral norm, with momentum.

    .. math:: m \leftarrow \mu m + g, \quad X \leftarrow X - \eta \sqrt{\max(1, \mathrm{rows} /
              \mathrm{columns})}\ \mathrm{orth}(g + \mu m)

    orth is `orthogonalized`: nearly the polar factor; without ``nesterov`` it is taken of m alone. m
    is remembered as ``<parameter>/muon/velocity``. On complex matrices the adjoint takes the
    transpose's place.

    Parameters
    ----------
    loss_or_grads, learning_rate : as in `sgd`
    params : flat matrices: ``(m, n)``, or stacked complex ``(2, m, n)``
    momentum : float or symbolic scalar, :math:`\mu`
    steps : int, Newton-Schulz steps
    epsilon : added to the norm that the first step divides by
    field : "complex" or "real" for all parameters; by default that of each parameter's manifold,
        which for a plain shared variable is "real"

    Raises ValueError for parameters on a manifold (`stiefel_muon` is theirs) and for vectors, scalars
    and tensors of more axes, which need another rule: ``muon(...) | adam(...)``. Other errors as
    `sgd`. Source: Jordan (2024), "Muon: an optimizer for hidden layers in neural networks".
    """

    def step(at):
        matrices = _matrices_of(at, field)
        mu, velocity = at.number(momentum, "momentum"), at.zeros("velocity")
        m = at.remember(velocity, mu * velocity + at.g)
        direction = at.g + mu * m if nesterov else m
        rows, columns = at.x.type.shape[-2:]
        scale = np.asarray(np.sqrt(max(1, rows / max(columns, 1))), at.x.type.dtype)
        return at.x - at.rate * scale * orthogonalized(matrices, direction, steps, epsilon)

    return descend("muon", step, loss_or_grads, params, learning_rate)


@serves(Unitary, Stiefel, companion="adam")
def stiefel_muon(
    loss_or_grads: LossOrGrads,
    params: Params,
    learning_rate: Scalar,
    *,
    momentum: Scalar = 0.95,
    nesterov: bool = True,
    steps: int = 5,
    epsilon: Scalar = 1e-7,
    retraction: str = "polar",
) -> Updates:
    r"""Steepest descent in the spectral norm on `Unitary` and `Stiefel`, with momentum.

    .. math:: m \leftarrow \mu m + g, \quad
              X \leftarrow R_X(-\eta\ \mathrm{orth}(P_X(g + \mu m)))

    g is the Euclidean gradient, :math:`P_X` the tangent projection (in the canonical metric
    `egrad2rgrad`), zero where rounding alone is left of a gradient normal to the manifold; orth the
    Newton-Schulz iteration of `muon`, R the retraction; without ``nesterov`` m stands for the sum.
    m is kept in the space around the manifold, so it needs no transport:
    ``<parameter>/stiefel_muon/velocity``.

    On `Unitary` the step is tangent, :math:`X\,\mathrm{orth}(\Omega)`, and every retraction serves. On
    `Stiefel` orth leaves the tangent space, so that only "polar" and "qr", which orthonormalize the
    sum of X and the step, are accepted. Every step has about the length :math:`\eta` in the spectral
    norm, however small the gradient: let the rate fall toward the end.

    Other arguments, result and errors as `muon` and `sgd`; ValueError for parameters elsewhere than
    on `Unitary` and `Stiefel` (merge two rules with ``|``). Source: "Manifold constrained steepest
    descent", arXiv:2601.21487 (2026); Bernstein (2025), "Modular manifolds".
    """

    def step(at):
        _require_unitary_or_stiefel(at, retraction)
        mu, velocity = at.number(momentum, "momentum"), at.zeros("velocity")
        m = at.remember(velocity, mu * velocity + at.g)
        tangent = at.tangent_or_zero(at.g + mu * m if nesterov else m)
        direction = orthogonalized(at.manifold.matrices, tangent, steps, epsilon)
        return at.retr(-at.rate * direction, retraction)

    return descend("stiefel_muon", step, loss_or_grads, params, learning_rate)


def orthogonalized(matrices, x, steps=5, epsilon=1e-7):
    r"""Polar factor of x, nearly: ``steps`` times :math:`X \leftarrow a X + b S X + c S^2 X`.

    :math:`S = X X^H` (the smaller of the two Gram matrices), starting from :math:`x / (|x| +
    \epsilon)`. Singular values that are not small against :math:`|x|` end between 0.68 and 1.13; a zero
    stays zero. Source: Jordan (2024).
    """
    if not isinstance(steps, int | np.integer) or steps < 1:
        raise ValueError(f"steps must be a positive integer, got {steps!r}")
    matmul, hconj = matrices.matmul, matrices.hconj
    dtype = x.type.dtype
    a, b, c = (np.asarray(value, dtype) for value in COEFFICIENTS)
    rows, columns = x.type.shape[-2:]
    tall = None not in (rows, columns) and rows > columns
    size = pt.shape_padright(matrices.norm(x), matrices.axes) + np.asarray(epsilon, dtype)
    y = (hconj(x) if tall else x) / size
    for _ in range(steps):
        gram = matmul(y, hconj(y))
        y = a * y + matmul(b * gram + c * matmul(gram, gram), y)
    return hconj(y) if tall else y


def _matrices_of(at, field):
    """Algebra of a parameter's matrices; ValueError for what is no flat matrix."""
    if type(at.manifold) is not Euclidean:
        raise ValueError(
            f"muon: {label(at.p)} must be a matrix of flat space, got one on {at.manifold}; "
            "stiefel_muon updates Unitary and Stiefel parameters"
        )
    matrices = algebra(at.manifold.field if field is None else field)
    shape = at.x.type.shape
    planes = matrices.field == "complex"
    if len(shape) != matrices.axes or (planes and shape[0] != 2):
        raise ValueError(
            f"muon: {label(at.p)} must be one matrix ({'2, ' * planes}m, n) of the {matrices.field} "
            f"field, got shape {shape}; update other parameters by another rule and merge the two "
            "with |"
        )
    return matrices


def _require_unitary_or_stiefel(at, retraction):
    if type(at.manifold) not in (Unitary, Stiefel):
        raise ValueError(
            f"stiefel_muon: {label(at.p)} must be on Unitary or Stiefel, got one on {at.manifold}; "
            "muon updates matrices of flat space"
        )
    if isinstance(at.manifold, Stiefel) and retraction not in PROJECTIONS:
        raise ValueError(
            f"stiefel_muon: retraction must be {' or '.join(map(repr, PROJECTIONS))} on "
            f"{at.manifold}, got {retraction!r}"
        )
