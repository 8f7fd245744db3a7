"""Eigendecomposition of Hermitian matrices."""

from unitarygraph.link.array.products import hconj


def eigh(xp, op, a):
    """`Eigh`: the largest entry of each eigenvector real and positive."""
    w, v = xp.eigh((a + hconj(xp, a)) * 0.5)
    size, at_pivot = xp.abs(v), pivots(xp, v)
    entry = xp.sum(xp.where(at_pivot, v, 0), -2)
    v = v * xp.conj(entry / xp.abs(entry))[..., None, :]
    return w, xp.where(at_pivot, xp.as_type_of(size, v), v)


def pivot_mask(xp, op, v):
    """`PivotMask`."""
    size = xp.abs(v)
    return xp.where(pivots(xp, v), xp.ones_like(size), 0)


def pivots(xp, v):
    """True at the largest entry of each column, the first of those that are equal to rounding."""
    size = xp.abs(v)
    largest = xp.amax(size, -2)[..., None, :]
    row = xp.first_true(size >= largest * (1 - 100 * xp.eps(size)), -2)
    return xp.arange(v.shape[-2], like=row)[:, None] == row[..., None, :]


def not_hermitian(xp, op, inputs, outputs):
    """Matrices whose anti-Hermitian part is beyond rounding."""
    (a,) = inputs
    return defect(xp, a, a - hconj(xp, a))


def defect(xp, a, part):
    """Whether a part of A that should vanish is beyond rounding, as the Ops judge it."""
    size = xp.abs(a)
    return xp.amax(xp.abs(part), (-2, -1)) > xp.eps(size) ** 0.25 * (1 + xp.amax(size, (-2, -1)))
