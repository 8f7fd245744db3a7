"""Coordinates of skew-Hermitian matrices."""

from unitarygraph.link.array.qr import on_diagonal


def upper_part(xp, op, a):
    """`UpperPart`: strict upper triangle, half the imaginary diagonal."""
    upper = xp.triu(a, 1)
    if op.field == "real":
        return upper
    return on_diagonal(xp, upper, xp.imag(xp.diagonal(a)) * 0.5j)
