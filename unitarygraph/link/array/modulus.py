"""Moduli and Frobenius norms."""


def modulus(xp, op, a):
    """`Modulus`."""
    return xp.abs(a)


def norm(xp, op, a):
    """`Norm`: the largest modulus is taken out, so that no square overflows."""
    size = xp.abs(a)
    if 0 in a.shape[-2:]:
        return xp.sum(size, (-2, -1))
    largest = xp.amax(size, (-2, -1))
    unit = xp.where(largest > 0, largest, 1)
    scaled = size / unit[..., None, None]
    return largest * xp.sqrt(xp.sum(scaled * scaled, (-2, -1)))
