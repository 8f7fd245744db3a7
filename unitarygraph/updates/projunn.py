"""projUNN: steps of low rank on the unitary group, O(k n^2) each."""

from typing import Any

import numpy as np
import pytensor.tensor as pt

from unitarygraph.manifolds import Euclidean, Unitary
from unitarygraph.ops.expm.skew import ExpmSkew
from unitarygraph.ops.newton_schulz import NewtonSchulz
from unitarygraph.ops.polar import Polar
from unitarygraph.ops.qr import QR
from unitarygraph.parameter import manifold_of
from unitarygraph.stacked.typing import LossOrGrads, Params, Scalar, Updates
from unitarygraph.updates.base import descend, gradients, label, serves
from unitarygraph.updates.standard import rmsprop, sgd

# The sequence of test matrices has this period; the products below it wrap without harm in 32 bits.
PERIOD = 2**20


@serves(Unitary, Euclidean, companion="rmsprop")
def projunn(
    loss_or_grads: LossOrGrads,
    params: Params,
    learning_rate: Scalar,
    *,
    kind: str = "D",
    rank: int = 1,
    sampler: str = "lsi",
    rms: bool = False,
    rho: Scalar = 0.99,
    epsilon: Scalar = 1e-8,
    rng: int | np.random.Generator = 0,
) -> Updates:
    r"""projUNN: the gradient replaced by :math:`a b^H` of rank k, no product of n x n matrices.

    With :math:`G \approx a b^H` and the thin QR :math:`[-\eta U^H a, b] = Q [R_1, R_2]`,

    .. math:: D: U^+ = U + U Q\,(\mathrm{polar}(I + R_1 R_2^H) - I)\,Q^H, \quad
              T: U^+ = U + U Q\,(\exp(\mathrm{skew}(R_1 R_2^H)) - I)\,Q^H

    which are the polar factor of :math:`U - \eta a b^H` and :math:`U \exp(-\eta\,\mathrm{skew}(U^H a
    b^H))`. For k = n they are projected gradient descent and the exponential-map `sgd`. A step costs
    O(k n^2); where 2k >= n, the small problem is n x n. In the real field D changes the sign of the
    determinant when :math:`\eta a b^H` is long enough, of spectral norm 1 at least; T never does.

    Parameters
    ----------
    loss_or_grads, params, learning_rate : as in `sgd`; published for U: a 32nd of the others' rate
    kind : "D" (nearest point) or "T" (tangent)
    rank : int k, 1 <= k <= n
    sampler : "lsi", one randomized power step: b spans the rows of :math:`R^H G`, R an n x k test
        matrix, :math:`a = G b`. "columns": a spans k columns of G taken with probabilities
        proportional to their squared norms, :math:`b = G^H a`
    rms : first divide the Euclidean gradient, entry by entry, by the root of a running mean of
        :math:`|g|^2` (modulus of the complex entry) plus ``epsilon``, with decay ``rho``
    rng : seed or Generator of the multipliers below

    Parameters of flat space follow `sgd`, or with ``rms`` `rmsprop`.

    The choices are no random variables, which JAX and PyTorch modes do not have: they follow from a
    step counter t, ``<parameter>/projunn/step``, and so repeat and resume exactly. LSI's R has the
    phases :math:`2 \pi (t m_{ij} \bmod N) / N` with fixed random odd :math:`m_{ij}` and :math:`N =
    2^{20}` (the cosine of them in the real field): a Weyl sequence, uniform in each entry, of period
    N. Columns are taken systematically, at the quantiles :math:`(i + (t m \bmod N)/N) / k`; a column
    that is met twice counts once, and a direction without gradient fills its place.

    Rounding lets ||U^H U - I|| grow like the root of the number of steps, to about 2e-14 in 1,000 steps
    at n = 64, k = 4 in float64. Nothing in the rule removes it, as that takes n^3: `project_after` does,
    every so many steps. With a gradient of zero :math:`U^+ = U`.

    Raises ValueError for a parameter on another manifold, another kind or sampler and a rank that
    is not in 1..n; and as `sgd`. Source: Kiani, Balestriero, LeCun, Lloyd (2022), "projUNN",
    theorems 1 and 2; Frieze, Kannan, Vempala (2004) for the columns.
    """
    if kind not in KINDS:
        raise ValueError(
            f"projunn: kind must be one of {', '.join(map(repr, KINDS))}, got {kind!r}"
        )
    if sampler not in SAMPLERS:
        names = ", ".join(map(repr, SAMPLERS))
        raise ValueError(f"projunn: sampler must be one of {names}, got {sampler!r}")
    rng = np.random.default_rng(rng)

    def step(at):
        _check(at, rank)
        matrices, gradient = at.manifold.matrices, at.g
        if rms:
            keep, mean = at.number(rho, "rho"), at.zeros("mean_square")
            v = at.remember(mean, keep * mean + (1 - keep) * _squared_modulus(matrices, at.g))
            gradient = at.g / (pt.sqrt(v) + at.number(epsilon, "epsilon"))
        count = at.counter()
        at.remember(count, count + 1)
        a, b = SAMPLERS[sampler](matrices, gradient, rank, count, rng)
        return low_rank_step(matrices, at.x, -at.rate * a, b, kind)

    flat: list[Any] = []
    others: list[Any] = []
    for p, g in gradients(loss_or_grads, params):
        (flat if type(manifold_of(p)) is Euclidean else others).append((p, g))
    updates: Updates = {}
    if flat:
        options: Any = {"rho": rho, "epsilon": epsilon} if rms else {}
        points, grads = map(list, zip(*flat, strict=True))
        updates |= (rmsprop if rms else sgd)(grads, points, learning_rate, **options)
    points, grads = [p for p, _ in others], [g for _, g in others]
    return updates | descend("projunn", step, grads, points, learning_rate)


def low_rank_step(matrices, u, a, b, kind):
    r"""Polar factor of :math:`U + a b^H` (kind "D"), or :math:`U \exp(\mathrm{skew}(U^H a b^H))`."""
    matmul, hconj = matrices.matmul, matrices.hconj
    n, k = b.type.shape[-2:]
    turned = matmul(hconj(u), a)
    if 2 * k >= n:
        return NewtonSchulz(matrices.field)(matmul(u, KINDS[kind](matrices, turned, b)))
    q, r = QR(matrices.field)(pt.concatenate([turned, b], axis=-1))
    # The step of 2k x 2k takes four fifths off the drift of U.
    turn = NewtonSchulz(matrices.field)(KINDS[kind](matrices, r[..., :k], r[..., k:]))
    uq = matmul(u, q)
    return u + matmul(matmul(uq, turn - matrices.eye_like(turn)), hconj(q))


def _nearest(matrices, r1, r2):
    product = matrices.matmul(r1, matrices.hconj(r2))
    return Polar(matrices.field)(product + matrices.eye_like(product))[0]


def _tangent(matrices, r1, r2):
    turn = matrices.skew_hermitian(matrices.matmul(r1, matrices.hconj(r2)))
    return ExpmSkew(matrices.field)(turn)[0]


KINDS = {"D": _nearest, "T": _tangent}


def _by_lsi(matrices, g, rank, step, rng):
    """(G b, b), b an orthonormal basis of the rows of R^H G."""
    n = g.type.shape[-1]
    phase = np.asarray(2 * np.pi, g.type.dtype) * _weyl((n, rank), step, rng, g.type.dtype)
    test = pt.cos(phase)
    if matrices.field == "complex":
        test = pt.stack([test, pt.sin(phase)], axis=0)
    b = QR(matrices.field)(matrices.matmul(matrices.hconj(g), test))[0]
    return matrices.matmul(g, b), b


def _by_columns(matrices, g, rank, step, rng):
    """(a, G^H a), a an orthonormal basis of the columns that are taken."""
    dtype = g.type.dtype
    # By the largest entry, so that squares neither overflow nor vanish.
    largest = abs(g).max(axis=list(range(-matrices.axes, 0)), keepdims=True)
    scaled = g / pt.switch(largest > 0, largest, pt.ones_like(largest))
    weights = pt.sqr(scaled).sum(axis=list(range(-matrices.axes, -1)))
    above = pt.cumsum(weights, axis=-1)
    start = (np.arange(rank) / rank).astype(dtype)
    places = above[..., -1:] * (start + _weyl((), step, rng, dtype) * np.asarray(1 / rank, dtype))
    # One where a column's share of [0, |G|^2) holds the place: taken[j, i].
    upto = (above[..., :, None] > places[..., None, :]).astype(dtype)
    before = pt.concatenate([pt.zeros_like(upto[..., :1, :]), upto[..., :-1, :]], axis=-2)
    taken = upto - before
    if matrices.field == "complex":
        taken = pt.stack([taken, pt.zeros_like(taken)], axis=-3)
    a = QR(matrices.field)(matrices.matmul(g, taken))[0]
    return a, matrices.matmul(matrices.hconj(g), a)


SAMPLERS = {"lsi": _by_lsi, "columns": _by_columns}


def _weyl(shape, step, rng, dtype):
    """The fractions (t m mod N) / N in [0, 1) for fixed odd m drawn from rng."""
    multipliers = 2 * rng.integers(0, PERIOD // 2, shape) + 1
    # N is a power of two, so the mask is the remainder, of wrapped products too.
    fractions = pt.bitwise_and((step + 1) * multipliers, np.int64(PERIOD - 1))
    return fractions.astype(dtype) / np.asarray(PERIOD, dtype)


def _squared_modulus(matrices, g):
    if matrices.field == "real":
        return pt.sqr(g)
    total = pt.sqr(g).sum(axis=-3, keepdims=True)
    return pt.concatenate([total, total], axis=-3)


def _check(at, rank):
    if type(at.manifold) is not Unitary:
        raise ValueError(
            f"projunn: {label(at.p)} must be on Unitary or of flat space, got one on {at.manifold}"
        )
    n = at.x.type.shape[-1]
    if not isinstance(rank, int | np.integer) or not 1 <= rank <= n:
        raise ValueError(f"projunn: rank must be an integer from 1 to {n}, got {rank!r}")
