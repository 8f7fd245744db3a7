"""Exponential of skew-Hermitian matrices and its derivative, in A's eigenbasis."""

from math import pi

from unitarygraph.link.array.eigh import defect
from unitarygraph.link.array.products import between, hconj


def skew_exponential(xp, op, a):
    """`ExpmSkew`: exp A, w and V^H; in the real field, where V would be complex, nothing for V^H."""
    w, v = eigenpairs(xp, a)
    vh = hconj(xp, v)
    u = (v * xp.exp(1j * w)[..., None, :]) @ vh
    return u, w, xp.zeros_like(a) if op.field == "real" else vh


def skew_frechet(xp, op, a, w, vh, e):
    """`SkewFrechet`: V (Phi o (V^H E V)) V^H; the adjoint has the conjugate Phi.

    In the real field the complex V, which no real output holds, is computed again from A.
    """
    if op.field == "real":
        w, v = eigenpairs(xp, a)
        vh = hconj(xp, v)
    v = hconj(xp, vh)
    m = between(xp, vh, xp.as_type_of(e, v))
    m = m * phases(xp, w, -0.5j if op.adjoint else 0.5j) * divided(xp, w)
    return between(xp, v, m)


def eigenpairs(xp, a):
    """Real w and unitary V with A = V diag(i w) V^H."""
    return xp.eigh((a - hconj(xp, a)) * -0.5j)


def phases(xp, w, factor):
    """exp(factor (w_j + w_k))."""
    phase = xp.exp(factor * w)
    return phase[..., :, None] * phase[..., None, :]


def divided(xp, w):
    """sinc((w_j - w_k)/2), sinc t = sin t / t."""
    return xp.sinc((w[..., :, None] - w[..., None, :]) / (2 * pi))


def not_skew(xp, op, inputs, outputs):
    """Matrices whose Hermitian part is beyond rounding."""
    (a,) = inputs
    return defect(xp, a, a + hconj(xp, a))
