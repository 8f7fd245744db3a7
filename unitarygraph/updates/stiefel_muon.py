"""Muon on Unitary and Stiefel: manifold constrained steepest descent."""

from unitarygraph.manifolds import Stiefel, Unitary
from unitarygraph.parameter import manifold_of
from unitarygraph.updates.gradients import gradients, label, tangent_gradient
from unitarygraph.updates.muon import orthogonalised
from unitarygraph.updates.soundness import check_update
from unitarygraph.updates.state import scalar, zeros_like

# Those that accept a step which is not tangent, as an orthogonalised one on Stiefel.
PROJECTIONS = ("polar", "qr")


def stiefel_muon(
    loss_or_grads,
    params,
    learning_rate,
    momentum=0.95,
    nesterov=True,
    steps=5,
    epsilon=1e-7,
    retraction="polar",
):
    r"""Steepest descent in the spectral norm on `Unitary` and `Stiefel`, with momentum.

    .. math:: m \leftarrow \mu m + g, \quad
              X \leftarrow R_X(-\eta\ \mathrm{orth}(P_X(g + \mu m)))

    g is the Euclidean gradient, :math:`P_X` the tangent projection (in the canonical metric
    `egrad2rgrad`), zero where rounding alone is left of a gradient normal to the manifold; orth the
    Newton-Schulz iteration of `muon`, R the retraction; without ``nesterov`` m stands for the sum.
    m is kept in the space around the manifold, so it needs no transport:
    ``<parameter>/stiefel_muon/velocity``.

    On `Unitary` the step is tangent, :math:`X\,\mathrm{orth}(\Omega)`, and every retraction serves. On
    `Stiefel` orth leaves the tangent space, so that only "polar" and "qr", which orthonormalise the
    sum of X and the step, are accepted. Every step has about the length :math:`\eta` in the spectral
    norm, however small the gradient: let the rate fall towards the end.

    Other arguments, result and errors as `muon` and `sgd`; ValueError for parameters elsewhere than
    on `Unitary` and `Stiefel` (merge two rules with ``|``). Source: "Manifold constrained steepest
    descent", arXiv:2601.21487 (2026); Bernstein (2025), "Modular manifolds".
    """
    updates = {}
    for p, g in gradients(loss_or_grads, params):
        manifold = manifold_of(p)
        if type(manifold) not in (Unitary, Stiefel):
            raise ValueError(
                f"stiefel_muon: {label(p)} must be on Unitary or Stiefel, got one on {manifold}; "
                "muon updates matrices of flat space"
            )
        if isinstance(manifold, Stiefel) and retraction not in PROJECTIONS:
            raise ValueError(
                f"stiefel_muon: retraction must be {' or '.join(map(repr, PROJECTIONS))} on "
                f"{manifold}, got {retraction!r}"
            )
        rate, keep = scalar(learning_rate, p, "learning_rate"), scalar(momentum, p, "momentum")
        velocity = zeros_like(p, "stiefel_muon", "velocity")
        updates[velocity] = keep * velocity + g
        ahead = g + keep * updates[velocity] if nesterov else updates[velocity]
        tangent = tangent_gradient(p, ahead, manifold)
        step = orthogonalised(manifold.matrices, tangent, steps, epsilon)
        updates[p] = manifold.retr(p, -rate * step, kind=retraction)
        check_update("stiefel_muon", p, g, [rate, keep], updates[p], manifold)
    return updates
