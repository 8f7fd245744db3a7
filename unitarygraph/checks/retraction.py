"""Does a manifold's retraction do what it declares? Measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt

from unitarygraph.checks.report import draw_loglog, table, verdict
from unitarygraph.checks.tangency import LIMIT, tangency, unit
from unitarygraph.manifolds import Manifold
from unitarygraph.stacked.typing import Seed

STEPS = {"float64": np.logspace(-1, -3, 9), "float32": np.logspace(-0.2, -1.2, 7)}


@dataclass(frozen=True)
class Measured:
    """One retraction R of order p: errors at the steps t and what follows from them."""

    declared: int
    #: tangential part of R(x, tu) - x - tu, which is O(t^(p+1)) up to p = 2; (steps,)
    errors: np.ndarray
    #: p, measured; infinite when the errors vanish
    order: float
    #: largest deviation from the manifold, relative to its tolerance
    deviation: float
    #: size of dR/dt - u at t = 0
    derivative: float
    #: size of R(x, 0) - x
    origin: float
    #: limit of the last two
    limit: float

    @property
    def passed(self) -> bool:
        """Whether all numbers are within their limits."""
        small = self.origin <= self.limit and self.derivative <= self.limit
        return bool(small and self.deviation <= 1 and self.order >= self.declared - 0.25)


@dataclass(frozen=True)
class RetractionCheck:
    """Result of `check_retraction`: prints as a table, true when it passed."""

    manifold: str
    steps: np.ndarray
    kinds: dict[str, Measured]
    #: rate at which projected vectors leave the manifold, 0 when they are tangent
    tangency: float

    @property
    def passed(self) -> bool:
        """Whether every retraction passed and the projected vectors are tangent."""
        return self.tangency <= LIMIT and all(m.passed for m in self.kinds.values())

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        columns = {
            "kind": (max(map(len, ("declared", *self.kinds))), ""),
            "declared": (8, "d"),
            "order": (6, ".2f"),
            "deviation": (9, ".1e"),
            "dR/dt - u": (9, ".1e"),
            "R(0) - x": (9, ".1e"),
            "": (6, ""),
        }
        rows = [
            (kind, m.declared, m.order, m.deviation, m.derivative, m.origin, verdict(m.passed))
            for kind, m in self.kinds.items()
        ]
        summary = f"tangency of projected vectors {self.tangency:.1e} (limit {LIMIT:.0e})"
        return table(
            f"retractions of {self.manifold}", columns, rows, [(summary, self.tangency <= LIMIT)]
        )

    def plot(self, target: Any = True) -> Any:
        """Tangential error against step, both logarithmic. Arguments as of GradientCheck.plot."""
        curves = {kind: m.errors for kind, m in self.kinds.items()}
        return draw_loglog(target, self.steps, curves, order=2, title=self.manifold)


def check_retraction(
    manifold: Manifold,
    shape: Sequence[int] = (6, 6),
    kinds: Iterable[str] | None = None,
    dtype: str = "float64",
    rng: Seed = 0,
    mode: Any = "KERNELS",
    plot: Any = None,
) -> RetractionCheck:
    r"""Measure the retractions of a manifold at a random point, along a random unit tangent.

    A retraction has R(x, 0) = x and dR/dt = u at 0; it is of order 2 when its acceleration at 0 has
    no tangential part. So the order is the slope of
    :math:`\|\mathrm{proj}_x(R(x, tu) - x - tu)\|` over t, both logarithmic, less one; no exponential
    map is needed, but where the metric is not a constant one of the space around (`is_embedded`):
    there it takes the place of x + tu. Source: Absil, Mahony, Sepulchre (2008), section 5.5.

    Parameters
    ----------
    manifold : for example ``unitarygraph.manifolds.Unitary()``
    shape : (..., m, n) of the point
    kinds : names, by default all of ``manifold.retractions``
    dtype : "float64" or "float32"; orders are read off more sharply in the first
    rng : numpy Generator or seed
    mode : how the graphs are compiled
    plot : a path, matplotlib Axes or True: draw error against step as well

    Returns
    -------
    RetractionCheck
        its ``passed``, also its truth value, says whether all is well; print it for a table

    >>> import unitarygraph as ug
    >>> bool(ug.check_retraction(ug.manifolds.Unitary()))
    True
    """
    rng = np.random.default_rng(rng)
    x = manifold.random_point(shape, rng, dtype)
    u = manifold.random_tangent(x, rng)
    u = unit(manifold, x, u)
    steps = STEPS[x.dtype.name]
    chosen = list(manifold.retractions) if kinds is None else list(kinds)

    vector = pt.tensor("u", dtype=x.dtype, shape=x.shape)
    project = pytensor.function([vector], manifold.proj(x, vector), mode=mode)
    if manifold.is_embedded:
        straight = None
    else:
        straight = pytensor.function([vector], manifold.exp(x, vector), mode=mode)
    measured = {}
    for kind in chosen:
        step = pytensor.function([vector], manifold.retr(x, vector, kind=kind), mode=mode)
        measured[kind] = _measure(manifold, x, u, step, project, straight, steps, kind)
    result = RetractionCheck(str(manifold), steps, measured, tangency(manifold, x, u))
    if plot is not None and plot is not False:
        result.plot(plot)
    return result


def _measure(manifold, x, u, step, project, straight, steps, kind):
    eps, scalar = np.finfo(x.dtype).eps, x.dtype.type
    moves = [scalar(t) * u for t in steps]
    points = [step(move) for move in moves]
    # Without a constant metric around, what has no acceleration is known from the exponential map.
    ends = [x + move for move in moves] if straight is None else list(map(straight, moves))
    gaps = [project(point - end) for point, end in zip(points, ends, strict=True)]
    errors = np.array([np.linalg.norm(gap) for gap in gaps])
    h = scalar(eps ** (1 / 3))
    derivative = (step(h * u) - step(-h * u)) / (2 * h)
    noise = 20 * eps * x.size**0.5
    return Measured(
        declared=manifold.retractions.get(kind, 1),
        errors=errors,
        order=slope(steps, errors, noise) - 1,
        deviation=max(float(np.max(manifold.deviation(p) / manifold.tolerance(p))) for p in points),
        derivative=float(np.linalg.norm(derivative - u)),
        origin=float(np.linalg.norm(step(scalar(0) * u) - x)),
        limit=float(100 * eps ** (2 / 3) * x.size**0.5),
    )


def slope(steps, errors, noise):
    """Median slope of log errors over log steps, of those above rounding; infinite without any.

    The median, because two terms of an error may cancel at some step.
    """
    clear = errors > noise
    if clear.sum() < 2:
        return np.inf
    return float(np.median(np.diff(np.log(errors[clear])) / np.diff(np.log(steps[clear]))))
