"""Quasi-Newton steps from the last pairs of a step and a change of the gradient."""

from unitarygraph.minimize.line_search import Failure, line_search
from unitarygraph.minimize.problem import combine
from unitarygraph.minimize.stop import not_finite, stuck

MEMORY = 10
FLATNESS = 0.9
#: pairs of less curvature than this times the gradient's length are not kept
CAUTION = 1e-4


def lbfgs(problem, here):
    r"""Points of :math:`d = -H g`, H from the pairs (s, y); a generator that returns why it ended.

    :math:`s = T(t d)`, :math:`y = g_{+} - T g`; the last ten pairs are transported to every new
    point. A pair is kept while :math:`\langle s, y\rangle \ge 10^{-4} \min(1, |g|) |s|^2`, which keeps
    H positive (the cautious rule of Li and Fukushima 2001). Source: Huang, Gallivan, Absil (2015);
    Nocedal and Wright (2006), algorithm 7.4.
    """
    yield here
    pairs = []
    while True:
        direction = _direction(problem, here, pairs)
        slope = problem.inner(here.x, here.grad, direction)
        if slope >= -1e-10 * here.norm**2:
            pairs, direction, slope = [], combine((-1, here.grad)), -(here.norm**2)
        first = 1.0 if pairs else 1 / max(here.norm, 1.0)
        found = line_search(problem, here, direction, slope, first, FLATNESS)
        if isinstance(found, Failure):
            if pairs:
                pairs = []
                continue
            return stuck(here.norm) if found.finite else not_finite("along the gradient")
        old, here = here, found.point
        yield here
        move = lambda v, old=old, here=here: problem.transport(old.x, here.x, v)  # noqa: E731
        pairs = [(move(s), move(y)) for s, y in pairs]
        pairs.append(
            (combine((found.t, found.direction)), combine((1, here.grad), (-1, move(old.grad))))
        )
        pairs = [pair for pair in pairs if _curved(problem, here, *pair)][-MEMORY:]


def _curved(problem, here, s, y):
    least = CAUTION * min(1.0, here.norm) * problem.inner(here.x, s, s)
    return problem.inner(here.x, s, y) > max(least, 0.0)


def _direction(problem, here, pairs):
    """Minus H applied to the gradient, by two loops over the pairs."""
    q, weights = here.grad, []
    for s, y in reversed(pairs):
        rho = 1 / problem.inner(here.x, s, y)
        weights.append((rho, rho * problem.inner(here.x, s, q)))
        q = combine((1, q), (-weights[-1][1], y))
    if pairs:
        s, y = pairs[-1]
        q = combine((problem.inner(here.x, s, y) / problem.inner(here.x, y, y), q))
    for (s, y), (rho, a) in zip(pairs, reversed(weights), strict=True):
        q = combine((1, q), (a - rho * problem.inner(here.x, y, q), s))
    return combine((-1, q))
