"""Kronecker products of small matrices."""

from functools import partial, reduce
from math import prod
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph.parametrizations.base import Parametrization
from unitarygraph.parametrizations.inverse import square_matrix, unitary_matrix
from unitarygraph.parametrizations.point import Point
from unitarygraph.parametrizations.skew import Exp
from unitarygraph.stacked.typing import Array, Seed

CONSTRAINTS = ("soft", "exp")


class Kronecker(Parametrization):
    r""":math:`W = W_1 \otimes \cdots \otimes W_F`, W_f small and square, of sizes with product n.

    ``constraint="soft"``: the factors are free, unitary at the start and kept near it by `penalty`,
    :math:`\sum_f \|W_f^H W_f - I\|_F^2` times its strength. ``"exp"``: each is the exponential of a
    skew-Hermitian matrix, `Exp`, and W unitary whatever the parameters are.

    Real parameters: the sum over the factors, of size p, of 2 p^2 or p^2 (complex, real), with "exp" of
    p^2 or p(p-1)/2. `product` costs n times the sum of the p for each row, W n^2 times (1 + 1/p + ...).

    Parameters
    ----------
    n : int
    factors : sizes of W_1, W_2, ... with product n; or one size, of which n must be a power
    constraint : "soft" or "exp"
    strength : of the penalty
    init : of each factor, as `Point`: "haar", "henaff", "cayley", "identity" or a function; for "exp"
        as `Exp`
    field, rng, dtype : as `Exp`
    name : the params are ``<name>/0``, ``<name>/1``, ...

    Raises ValueError for sizes whose product is not n and for another constraint.

    Source: Jose, Cisse and Fleuret (2018), "Kronecker recurrent units"; with exactly unitary factors
    the author of the post to theano-users that this library began with.
    """

    def __init__(
        self,
        n: int,
        *,
        factors: Any = 2,
        constraint: str = "soft",
        strength: float = 1e-3,
        init: Any = "haar",
        field: str = "complex",
        rng: Seed = None,
        dtype: Any = None,
        name: str = "W",
    ) -> None:
        super().__init__(n, field, dtype)
        if constraint not in CONSTRAINTS:
            raise ValueError(
                f"constraint: expected one of {', '.join(CONSTRAINTS)}, got {constraint!r}"
            )
        self.sizes, self.strength = sizes_of(n, factors), strength
        self.unitary = constraint == "exp"
        rng = np.random.default_rng(rng)
        options = {"init": init, "field": field, "rng": rng, "dtype": dtype}
        make = Exp if self.unitary else partial(Point, free=True, group="orthogonal")
        #: the parametrizations of the factors
        self.factors = [
            make(size, name=f"{name}/{f}", **options) for f, size in enumerate(self.sizes)
        ]

    def matrix(self) -> TensorVariable:
        return reduce(self._product, [factor.stored() for factor in self.factors])

    def product(self, h):
        # The last axis of a factor's length is multiplied and moved to the front of the others; after
        # all factors the axes are back in their order.
        matrices, n = self.matrices, self.n
        leading = [
            length if static is None else static
            for length, static in zip(h.shape, h.type.shape, strict=True)
        ][:-1]
        *batch, rows = leading
        for factor, size in zip(reversed(self.factors), reversed(self.sizes), strict=True):
            if size == n:
                h = matrices.matmul(h, factor.stored())
                continue
            h = matrices.matmul(h.reshape((*batch, rows * (n // size), size)), factor.stored())
            h = h.reshape((*leading, n // size, size)).swapaxes(-1, -2).reshape((*leading, n))
        return h

    def own_penalty(self) -> TensorVariable | None:
        r""":math:`\mathrm{strength} \sum_f \|W_f^H W_f - I\|_F^2`, None where the factors are unitary."""
        if self.unitary:
            return None
        matmul, hconj = self.matrices.matmul, self.matrices.hconj
        deviations = [
            matmul(hconj(W), W) - self.matrices.eye_like(W)
            for W in (f.stored() for f in self.factors)
        ]
        return np.asarray(self.strength, self.dtype) * sum(pt.square(d).sum() for d in deviations)

    def set_value(self, W: Array) -> None:
        r"""Set the factors by the nearest Kronecker product, factor after factor.

        The factors get one norm each, that of a unitary matrix where W is unitary. Raises ValueError
        for a W that is no Kronecker product of such sizes, naming the distance from that found, and with
        "exp" for one that is not unitary or, in the real field, has factors of determinant -1.

        Source: Van Loan and Pitsianis (1993), "Approximation with Kronecker products".
        """
        who = "Kronecker.set_value"
        if self.unitary:
            W = unitary_matrix(who, W, self.n, self.field, self.dtype)
        else:
            W = square_matrix(who, W, self.n, self.field)
        found = kronecker_factors(W, self.sizes)
        deviation = np.linalg.norm(reduce(np.kron, found) - W)
        limit = np.finfo(self.dtype).eps ** 0.5 * self.n**0.5 * np.linalg.norm(W)
        if not deviation <= limit:
            raise ValueError(
                f"{who}: W must be a Kronecker product of sizes {self.sizes}, got one at a distance of "
                f"{deviation:.2e} from the nearest found, the limit is {limit:.1e}"
            )
        if self.unitary and self.field == "real":
            found = _special(who, found)
        for factor, value in zip(self.factors, found, strict=True):
            factor.set_value(value)

    def _product(self, A, B):
        """Kronecker product of two matrices as stored."""
        p, q = A.type.shape[-1], B.type.shape[-1]
        if self.field == "real":
            return _kron(A, B).reshape((p * q, p * q))
        re = _kron(A[0], B[0]) - _kron(A[1], B[1])
        im = _kron(A[0], B[1]) + _kron(A[1], B[0])
        return pt.stack([re, im]).reshape((2, p * q, p * q))


def sizes_of(n, factors):
    """The sizes as a tuple; ValueError where their product is not n."""
    if isinstance(factors, int | np.integer) and not isinstance(factors, bool) and factors > 1:
        sizes = []
        while prod(sizes) < n:
            sizes.append(int(factors))
        if prod(sizes) == n:
            return tuple(sizes) or (1,)
        raise ValueError(
            f"factors: n must be a power of {factors}, got n = {n}; or give sizes with product n, "
            f"such as factors=({n},)"
        )
    sizes = tuple(factors) if np.iterable(factors) else (factors,)
    whole = all(isinstance(p, int | np.integer) and p > 0 for p in sizes)
    if not sizes or not whole or prod(sizes) != n:
        raise ValueError(f"factors: expected sizes with product n = {n}, got {factors!r}")
    return tuple(int(p) for p in sizes)


def kronecker_factors(W, sizes):
    """NumPy factors of the given sizes, of norms like the roots of their sizes, nearest one by one."""
    scale = np.linalg.norm(W) / len(W) ** 0.5
    found, rest = [], W
    for p in sizes[:-1]:
        q = len(rest) // p
        # The entries of a factor against those of what is left: a product has rank one there.
        blocks = rest.reshape(p, q, p, q).transpose(0, 2, 1, 3).reshape(p * p, q * q)
        u, s, vh = np.linalg.svd(blocks, full_matrices=False)
        found.append((u[:, 0] * p**0.5).reshape(p, p))
        rest = (vh[0] * s[0] / p**0.5).reshape(q, q)
    found.append(rest / scale if scale else rest)
    return [scale ** (1 / len(sizes)) * factor for factor in found]


def _kron(A, B):
    """Entries of the Kronecker product, (p, q, p, q)."""
    return A[:, None, :, None] * B[None, :, None, :]


def _special(who, factors):
    """The factors with determinant 1: signs of odd ones turn it, those of an even one do not."""
    turned = [np.linalg.det(W) < 0 for W in factors]
    odd = [len(W) % 2 == 1 for W in factors]
    if any(turn and not o for turn, o in zip(turned, odd, strict=True)) or (
        sum(turned) % 2 and all(odd)
    ):
        raise ValueError(f"{who}: the factors of W must have determinant 1 with field='real'")
    if sum(turned) % 2:
        turned[odd.index(False)] = True
    return [-W if turn else W for W, turn in zip(factors, turned, strict=True)]
