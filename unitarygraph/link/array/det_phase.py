"""Argument of the determinant."""


def det_phase(xp, op, a):
    """`DetPhase`; NaN where A is singular."""
    sign = xp.slogdet(a)[0]
    return xp.where(xp.abs(sign) > 0, xp.angle(sign), float("nan"))
