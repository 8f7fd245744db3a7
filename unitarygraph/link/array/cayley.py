"""Cayley transform."""

from unitarygraph.link.array.solve import solution


def shifted_solve(xp, op, a, b):
    """`ShiftedSolve`: (I - A/2)^{-1} B."""
    return solution(xp, xp.eye_like(a) - a * 0.5, b)


def cayley(xp, op, a):
    """`Cayley`: (I - A/2)^{-1} (I + A/2)."""
    identity, half = xp.eye_like(a), a * 0.5
    return solution(xp, identity - half, identity + half)
