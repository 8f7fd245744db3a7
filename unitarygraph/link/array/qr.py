"""QR decomposition with a real positive diagonal of R."""

from unitarygraph.link.array.products import hconj


def qr(xp, op, a):
    """`QR`."""
    q, r = xp.qr(a)
    d = xp.diagonal(r)
    size = xp.abs(d)
    phase = xp.where(size > 0, d / xp.where(size > 0, size, 1), 1)
    r = xp.conj(phase)[..., :, None] * r
    return q * phase[..., None, :], on_diagonal(xp, r, size)


def lower_hermitian(xp, op, m):
    """`LowerHermitian`: copyltu or its adjoint."""
    if op.adjoint:
        lower = xp.tril(m + hconj(xp, m), -1)
    else:
        lower = xp.tril(m, -1)
        lower = lower + hconj(xp, lower)
    return on_diagonal(xp, lower, xp.real(xp.diagonal(m)))


def on_diagonal(xp, a, d):
    """A with the diagonal d."""
    here = xp.eye_like(xp.real(a)) > 0
    return xp.where(here, xp.as_type_of(d[..., :, None], a), a)
