"""Muon: momentum, orthogonalised."""

import numpy as np
import pytensor.tensor as pt

from unitarygraph.manifolds import Euclidean
from unitarygraph.parameter import manifold_of
from unitarygraph.stacked.algebra import algebra
from unitarygraph.updates.gradients import gradients, label
from unitarygraph.updates.soundness import check_update
from unitarygraph.updates.state import scalar, zeros_like

#: of the odd polynomial a x + b x^3 + c x^5, steepest at zero; it ends in about (0.68, 1.13)
COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def muon(
    loss_or_grads,
    params,
    learning_rate,
    momentum=0.95,
    nesterov=True,
    steps=5,
    epsilon=1e-7,
    field=None,
):
    r"""Muon on flat matrices: steepest descent in the spectral norm, with momentum.

    .. math:: m \leftarrow \mu m + g, \quad X \leftarrow X - \eta \sqrt{\max(1, \mathrm{rows} /
              \mathrm{columns})}\ \mathrm{orth}(g + \mu m)

    orth is `orthogonalised`: nearly the polar factor; without ``nesterov`` it is taken of m alone. m
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
    updates = {}
    for p, g in gradients(loss_or_grads, params):
        matrices = _matrices_of(p, field)
        rate, keep = scalar(learning_rate, p, "learning_rate"), scalar(momentum, p, "momentum")
        velocity = zeros_like(p, "muon", "velocity")
        updates[velocity] = keep * velocity + g
        direction = g + keep * updates[velocity] if nesterov else updates[velocity]
        rows, columns = p.type.shape[-2:]
        scale = np.asarray(np.sqrt(max(1, rows / max(columns, 1))), p.type.dtype)
        updates[p] = p - rate * scale * orthogonalised(matrices, direction, steps, epsilon)
        check_update("muon", p, g, [rate, keep], updates[p], manifold_of(p))
    return updates


def orthogonalised(matrices, x, steps=5, epsilon=1e-7):
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


def _matrices_of(p, field):
    manifold = manifold_of(p)
    if type(manifold) is not Euclidean:
        raise ValueError(
            f"muon: {label(p)} must be a matrix of flat space, got one on {manifold}; "
            "stiefel_muon updates Unitary and Stiefel parameters"
        )
    matrices = algebra(manifold.field if field is None else field)
    shape = p.type.shape
    planes = matrices.field == "complex"
    if len(shape) != matrices.axes or (planes and shape[0] != 2):
        raise ValueError(
            f"muon: {label(p)} must be one matrix ({'2, ' * planes}m, n) of the {matrices.field} "
            f"field, got shape {shape}; update other parameters by another rule and merge the two "
            "with |"
        )
    return matrices
