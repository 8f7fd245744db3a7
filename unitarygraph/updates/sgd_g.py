"""SGD-G, and what it shares with Adam-G: rows of unit norm that move along great circles."""

from unitarygraph.manifolds import Oblique, Sphere
from unitarygraph.parameter import manifold_of
from unitarygraph.updates.clipping import shortened
from unitarygraph.updates.gradients import gradients, label, tangent_gradient
from unitarygraph.updates.soundness import check_update
from unitarygraph.updates.state import scalar, zeros_like


def sgd_g(loss_or_grads, params, learning_rate, momentum=0.9, omega=0.0, grad_clip=None):
    r"""Momentum on unit vectors y, the weights of batch-normalised units, one a row.

    .. math:: h = P_y\left(g + 2 \omega\,(Y Y^H Y - Y)\right), \quad
              h \leftarrow h \min(1, \nu / |h|), \quad d = \mu m - \eta h

    .. math:: y^+ = y \cos|d| + \frac{d}{|d|} \sin|d|, \quad
              m \leftarrow d \cos|d| - y\,|d| \sin|d|

    P is the tangent projection; d, m and their lengths are those of one row; m starts at zero and
    is remembered as ``<parameter>/sgd_g/velocity``. Published settings: learning rate 0.2, momentum
    0.9, omega 0.1, grad_clip 0.1.

    Parameters
    ----------
    loss_or_grads : symbolic scalar, or one gradient a parameter
    params : parameters on `Oblique` (rows of unit norm, or columns) or `Sphere`, where the point is
        the one row. Kernels (out, in, kh, kw) are stored as matrices (out, in kh kw) on
        ``Oblique(field="real")``, as `nn.Conv2D` does; reshape them where the model convolves
    learning_rate, momentum : float or symbolic scalar
    omega : strength of the regularisation :math:`\frac{\omega}{2} \|Y Y^H - I\|_F^2`, which draws the
        rows of a matrix towards orthogonality; zero on a `Sphere`
    grad_clip : the largest length :math:`\nu` of a row of h, or None

    Returns
    -------
    dict
        {parameter: new value}, for ``pytensor.function(updates=...)``

    Raises
    ------
    ValueError, TypeError
        as `sgd`; ValueError for a parameter of another manifold

    Source: Cho and Lee (2017).
    """
    updates = {}
    for p, g in gradients(loss_or_grads, params):
        manifold = manifold_of_unit_vectors("sgd_g", p)
        rate, keep = scalar(learning_rate, p, "learning_rate"), scalar(momentum, p, "momentum")
        velocity = zeros_like(p, "sgd_g", "velocity")
        moved = keep * velocity - rate * row_gradient(p, g, manifold, omega, grad_clip)
        updates[p] = manifold.exp(p, moved)
        updates[velocity] = manifold.transport(p, updates[p], moved)
        check_update("sgd_g", p, g, [rate, keep], updates[p], manifold)
    return updates


def manifold_of_unit_vectors(rule, p):
    """Manifold of a parameter of unit vectors; ValueError for others."""
    manifold = manifold_of(p)
    if not isinstance(manifold, Oblique | Sphere):
        raise ValueError(
            f"{rule}: params must be on Oblique or Sphere, got {label(p)} on {manifold}; "
            "give the others to a rule of their own and merge the updates with |"
        )
    return manifold


def row_gradient(p, g, manifold, omega, grad_clip):
    """Tangent h of each row: regularised, projected, clipped."""
    if not (isinstance(omega, int | float) and omega == 0) and isinstance(manifold, Oblique):
        matrices = manifold.matrices
        excess = matrices.matmul(p, matrices.hconj(p), p) - p
        g = g + 2 * scalar(omega, p, "omega") * excess
    h = tangent_gradient(p, g, manifold)
    if grad_clip is None:
        return h
    return shortened(h, manifold.lengths(h), scalar(grad_clip, p, "grad_clip"))
