"""Nearest unitary matrix of determinant 1."""

from math import pi


def nearest_special(xp, op, a):
    """`NearestSpecial`."""
    w, s, vh = xp.svd(a)
    total = -xp.angle(xp.slogdet(w @ vh)[0])
    if op.field == "real":
        last = xp.arange(s.shape[-1], like=s) == s.shape[-1] - 1
        turn = xp.where(last, xp.cos(total)[..., None], 1.0)
    else:
        turn = xp.exp(1j * angles(xp, s, total))
    return (w * turn[..., None, :]) @ vh


def angles(xp, s, total):
    """Angles with the given sum that maximise the sum of s cos(angle), s descending."""
    ratio = xp.where(s > 0, s[..., -1:] / xp.where(s > 0, s, 1), 1)[..., :-1]

    def all_of(t):
        sines = ratio * xp.sin(t)[..., None]
        return xp.concatenate([xp.arcsin(xp.where(sines > 1, 1, sines)), t[..., None]], -1)

    def excess(t):
        return xp.sum(all_of(t), -1) - goal

    goal = xp.abs(total)
    right = xp.zeros_like(goal) + pi / 2
    within = (goal <= right) | (excess(right) >= 0)
    high = xp.where(within & (goal > right), right, goal)
    low = xp.where(within, 0 * right, right)

    def halve(_, state):
        low, high = state
        middle = (low + high) / 2
        below = excess(middle) < 0
        return xp.where(below, middle, low), xp.where(below, high, middle)

    _, high = xp.repeat(xp.zeros((), like=s) + 60, halve, (low, high))
    return xp.sign(total)[..., None] * all_of(high)
