"""`ExpmPath` for whole batches, over an array namespace: Pade approximants, scaling and squaring.

One approximant serves all norms; how often the result is squared depends on each matrix.
"""

from functools import reduce
from operator import add

# Numerator coefficients of the diagonal Pade approximants to exp, lowest power first.
PADE = {
    7: (17297280.0, 8648640.0, 1995840.0, 277200.0, 25200.0, 1512.0, 56.0, 1.0),
    13: (
        64764752532480000.0,
        32382376266240000.0,
        7771770303897600.0,
        1187353796428800.0,
        129060195264000.0,
        10559470521600.0,
        670442572800.0,
        33522128640.0,
        1323241920.0,
        40840800.0,
        960960.0,
        16380.0,
        182.0,
        1.0,
    ),
}
# Order, and the largest 1-norm of A for which the approximant and its derivative are exact to
# rounding: Al-Mohy and Higham (2009), table 6.1, for float64; for float32 the threshold of the
# exponential itself (Higham 2005), reduced in the proportion that the table shows.
THRESHOLDS = {"float64": (13, 4.74), "float32": (7, 3.1)}


def path_exponential(xp, a, directions):
    """`ExpmPath`: block (0, k) of exp of the bidiagonal block matrix of A and k directions.

    Such a matrix is a dict of its blocks (i, j), i <= j; (0, 0) stands for the whole diagonal.
    """
    k = len(directions)
    norm = xp.amax(xp.sum(xp.abs(a), -2), -1)
    order, limit = THRESHOLDS[xp.dtype_name(norm)]
    squarings = xp.ceil(xp.log2(xp.where(norm > limit, norm / limit, 1)))
    known = xp.isfinite(squarings)
    squarings = xp.where(known, squarings, 0)
    # In two factors, so that neither is too small to be a normal number.
    half = xp.floor(squarings / 2)
    shrink = [xp.power_of_two(-s)[..., None, None] for s in (half, squarings - half)]
    x = {(0, 0): a * shrink[0] * shrink[1]}
    sizes = []
    for i, e in enumerate(directions):
        # The magnitude of a direction is taken out: the value is linear in it.
        largest = xp.amax(xp.abs(e), (-2, -1))
        exponent = xp.floor(xp.log2(xp.where(largest > 0, largest, 1)))
        sizes.append(exponent)
        x[i, i + 1] = scaled(xp, e, -exponent) * shrink[0] * shrink[1]
    x = pade_approximant(xp, x, order, k)
    keys, blocks = list(x), tuple(x.values())

    def square(step, blocks):
        x = dict(zip(keys, blocks, strict=True))
        squared = product(x, x, k)
        due = (step < squarings)[..., None, None]
        return tuple(xp.where(due, squared[key], x[key]) for key in keys)

    value = dict(zip(keys, xp.repeat(xp.amax(squarings), square, blocks), strict=True))[0, k]
    for exponent in sizes:
        value = scaled(xp, value, exponent)
    return xp.where(known[..., None, None], value, float("nan"))


def scaled(xp, a, exponent):
    """A times a power of two, in two factors that do not overflow alone."""
    half = xp.floor(exponent / 2)
    for part in (half, exponent - half):
        a = a * xp.power_of_two(part)[..., None, None]
    return a


def product(x, y, k):
    """Product of block matrices; for k = 1, (X, dX)(Y, dY) = (X Y, X dY + dX Y)."""
    z = {(0, 0): x[0, 0] @ y[0, 0]}
    for i in range(k):
        for j in range(i + 1, k + 1):
            terms = [
                at(x, i, m) @ at(y, m, j)
                for m in range(i, j + 1)
                if at(x, i, m) is not None and at(y, m, j) is not None
            ]
            if terms:
                z[i, j] = reduce(add, terms)
    return z


def at(x, i, j):
    """Block (i, j), None where it is zero."""
    return x.get((0, 0) if i == j else (i, j))


def combination(coefficients, matrices):
    """Linear combination of block matrices."""
    total = {}
    for c, x in zip(coefficients, matrices, strict=True):
        for key, value in x.items():
            total[key] = total[key] + c * value if key in total else c * value
    return total


def pade_approximant(xp, x, order, k):
    """Diagonal Pade approximant, (V - U)^{-1} (V + U) with U odd and V even."""
    # Divided by the first one, so that float32 holds them all.
    b = [c / PADE[order][0] for c in PADE[order]]
    square = product(x, x, k)
    powers = {2: square}
    for p in range(4, min(order, 7), 2):
        powers[p] = product(powers[p - 2], square, k)
    parts = []
    for shift in (1, 0):
        part = combination([b[p + shift] for p in powers], powers.values())
        if order > 7:
            high = range(8, order, 2)
            factor = combination([b[p + shift] for p in high], [powers[p - 6] for p in high])
            part = combination([1, 1], [part, product(powers[6], factor, k)])
        part[0, 0] = part[0, 0] + b[shift] * xp.eye_like(x[0, 0])
        parts.append(part)
    odd, even = product(x, parts[0], k), parts[1]
    return quotient(xp, combination([1, -1], [even, odd]), combination([1, 1], [even, odd]), k)


def quotient(xp, d, n, k):
    """D^{-1} N, from the diagonal outwards, on one LU of the diagonal block."""
    lu = xp.lu_factor(d[0, 0])
    z = {(0, 0): xp.lu_solve(lu, n[0, 0])}
    for gap in range(1, k + 1):
        for i in range(k + 1 - gap):
            j = i + gap
            inner = [
                at(d, i, m) @ at(z, m, j)
                for m in range(i + 1, j + 1)
                if at(d, i, m) is not None and at(z, m, j) is not None
            ]
            z[i, j] = xp.lu_solve(lu, reduce(lambda right, term: right - term, inner, n[i, j]))
    return z
