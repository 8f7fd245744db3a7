"""Lyapunov equation in the eigenbasis of a positive definite matrix."""

from unitarygraph.link.array.products import between, hconj


def lyapunov(xp, op, p, w, v, c):
    """`Lyapunov`: V ((V^H C V)_jk / (w_j + w_k)) V^H."""
    sums = w[..., :, None] + w[..., None, :]
    return between(xp, v, between(xp, hconj(xp, v), c) / sums)
