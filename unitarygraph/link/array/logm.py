"""Logarithm of unitary matrices and its derivative."""

from math import pi

from unitarygraph.link.array.expm_skew import divided, phases
from unitarygraph.link.array.newton_schulz import step
from unitarygraph.link.array.products import between, hconj


def logm(xp, op, u):
    """`Logm`: log, w and Q.

    Q comes from the eigenvectors: LAPACK makes them as Q X with the Schur vectors Q and a triangular
    X, so their QR decomposition gives Q back, also where eigenvalues coincide.
    """
    near = step(xp, u)
    q, _ = xp.qr(xp.eigenvectors(near))
    w = xp.angle(xp.diagonal(between(xp, hconj(xp, q), near)))
    x = (q * (1j * w)[..., None, :]) @ hconj(xp, q)
    return (x - hconj(xp, x)) * 0.5, w, q


def logm_frechet(xp, op, u, x, w, q, e):
    """`LogmFrechet`: Q (Psi o (Q^H E Q)) Q^H."""
    m = between(xp, hconj(xp, q), e)
    m = m * phases(xp, w, 0.5j if op.adjoint else -0.5j) / divided(xp, w)
    return between(xp, q, m)


def not_unitary(xp, op, inputs, outputs):
    """Matrices that are not unitary or, in the real field, have an eigenvalue -1."""
    (u,), (_, w, _) = inputs, outputs
    deviation = xp.amax(xp.abs(hconj(xp, u) @ u - xp.eye_like(u)), (-2, -1))
    refused = deviation > xp.eps(w) ** 0.25
    if op.field == "real":
        refused = refused | (pi - xp.amax(xp.abs(w), -1) < 10 * xp.eps(w) * w.shape[-1])
    return refused
