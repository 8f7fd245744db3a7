"""`ExpmPath` for one matrix: Taylor polynomials of few products, scaling and squaring.

The polynomials are those of `taylor_polynomials`, degree and scaling the choice of `taylor_scaling`.
"""

from math import ceil, frexp, inf, ldexp, log2

import numpy as np

from unitarygraph.core.blas import frobenius_norm
from unitarygraph.ops.expm.taylor_polynomials import POLYNOMIALS, blocks, evaluate, multiply
from unitarygraph.ops.expm.taylor_scaling import Scaling, limits_of_order

# Halvings of a direction, its largest part near 1 before, after which the denormal numbers are still
# further than any accuracy.
MOST_HALVINGS = {"float64": 512, "float32": 64}


def path_exponential(a, directions):
    """:math:`P_k` of `ExpmPath` for one matrix A and a sequence of k directions.

    Degree and scaling come from A alone: the result is linear in each direction, whose magnitude is
    taken out first (as a power of two, so exactly) and put back at the end. NaN for what is not finite.
    """
    k, (n, _) = len(directions), a.shape
    real = a.real.dtype.name
    exponents = [exponent(largest_entry(e)) for e in directions]
    norm, doublings = frobenius_norm(a), 0
    if not norm < inf:
        # The norm may overflow where no entry does.
        doublings = n.bit_length() + 1
        norm = frobenius_norm(times_power_of_two(a, -doublings))
    if not norm < inf or inf in exponents:
        return np.full_like(a, np.nan)
    if None in exponents:
        return np.zeros_like(a)

    index, limits = blocks(k), limits_of_order(real, k)
    # The scaling that is safe in any case; the powers may show that less will do.
    degree, limit = next((row for row in limits if norm <= row[1] and not doublings), limits[-1])
    squarings = 0
    if doublings or norm > limit:
        squarings = doublings + max(0, ceil(log2(norm) - log2(limit)))
    # Directions are scaled as A is, but not into denormal numbers: what is left out here is made up
    # for at the first squarings, which A's powers never spare so many of.
    left = max(0, squarings - MOST_HALVINGS[real])
    powers = np.empty((len(POLYNOMIALS[degree].powers), 1 + k * (k + 1) // 2, n, n), a.dtype)
    powers[0, 0] = times_power_of_two(a, -squarings)
    if k > 1:
        powers[0, 1:] = 0
    for i, (e, p) in enumerate(zip(directions, exponents, strict=True)):
        powers[0, index[i, i + 1]] = times_power_of_two(e, -p - squarings + left)
    multiply(powers[0], powers[0], powers[1], k)
    spared = 0
    if degree > 8:
        scaling = Scaling(powers[0, 0], ldexp(norm, doublings - squarings), k)
        degree, spared = scaling.reduced(degree, squarings, powers, k)
    polynomial = POLYNOMIALS[degree]
    x = evaluate(polynomial, powers[: len(polynomial.powers)], k, spared)
    spare = powers[0]
    for squaring in range(squarings - spared):
        if squaring < left:
            for (i, j), place in index.items():
                x[place] *= x.real.dtype.type(0.5 ** (j - i))
        x, spare = multiply(x, x, spare, k), x
    return times_power_of_two(x[index[0, k]], sum(exponents))


def largest_entry(e):
    """Largest magnitude of a real or imaginary part; NaN goes through."""
    return float(np.abs(e.view(e.real.dtype)).max(initial=0))


def exponent(size):
    """The power of two of a magnitude: None for 0, infinity where it is no number."""
    return frexp(size)[1] - 1 if 0 < size < inf else None if size == 0 else inf


def times_power_of_two(x, p):
    """2^p X, exactly wherever it can be; a product with a denormal number or its inverse is not."""
    plain, real = np.ascontiguousarray(x), x.real.dtype
    flat = plain.view(real)
    info = np.finfo(real)
    if info.minexp <= p < info.maxexp:
        return (flat * real.type(2.0**p)).view(x.dtype)
    return np.ldexp(flat, p).view(x.dtype)
