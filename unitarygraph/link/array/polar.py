"""Polar decomposition."""

from unitarygraph.link.array.products import hconj


def polar(xp, op, a):
    """`Polar` by the thin SVD: U, P, singular values, V."""
    w, s, vh = xp.svd(a)
    v = hconj(xp, vh)
    p = (v * s[..., None, :]) @ vh
    return w @ vh, (p + hconj(xp, p)) * 0.5, s, v
