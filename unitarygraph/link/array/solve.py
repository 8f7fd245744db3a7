"""Linear systems."""


def solve(xp, op, a, b):
    """`Solve`."""
    return solution(xp, a, b)


def solution(xp, a, b):
    """X of A X = B by LU; NaN where A is singular."""
    x = xp.lu_solve(xp.lu_factor(a), b)
    regular = xp.all(xp.isfinite(x), (-2, -1))
    return xp.where(regular[..., None, None], x, float("nan"))
