"""Steps along a curve that lower the loss enough and flatten its slope."""

from typing import NamedTuple

import numpy as np

from unitarygraph.minimize.problem import Arrays, Point, combine

#: least decrease, as a share of what the slope promises
DECREASE = 1e-4
TRIALS = 30
#: steps stay at this share of the bracket from its ends, and grow at most by its inverse
MARGIN = 0.1


class Trial(NamedTuple):
    """A step t with the point it leads to, the direction moved there and the slope along it."""

    t: float
    point: Point
    direction: Arrays
    slope: float


class Failure(NamedTuple):
    """No step was found; ``finite`` says whether any trial had a finite loss and gradient."""

    finite: bool


def line_search(problem, here, direction, slope, t, flatness):
    r"""A `Trial` that satisfies the strong Wolfe conditions, else the lowest one, or a `Failure`.

    .. math:: f(R_x(td)) \le f(x) + 10^{-4}\, t\, m + \nu, \qquad |m_t| \le c\,|m|,

    with the slopes m at x and :math:`m_t = \langle \mathrm{grad} f(y), T d \rangle` at y = R_x(td),
    c the ``flatness``, and :math:`\nu` the rounding of the loss, within which the slopes alone decide
    (Hager and Zhang 2005). A trial whose loss or gradient is not finite counts as too long. Next
    steps come from the secant of the slopes. Source: Absil, Mahony, Sepulchre (2008), section 4.2;
    Nocedal and Wright (2006), algorithm 3.5.
    """
    noise = 4 * problem.eps * abs(here.fun)
    low, low_fun, low_slope, high = 0.0, here.fun, slope, None
    best, lowest, finite = None, here.fun, False
    for _ in range(TRIALS):
        trial = _try(problem, here, direction, t)
        usable = trial.point.finite
        finite |= usable
        enough = usable and trial.point.fun <= here.fun + DECREASE * t * slope + noise
        if enough and abs(trial.slope) <= -flatness * slope:
            return trial
        if enough and trial.point.fun < lowest:
            best, lowest = trial, trial.point.fun
        # The least point of the parabola through two slopes, or through a slope and two losses.
        bend = (trial.slope - low_slope) / (t - low)
        if usable and not enough:
            bend = 2 * (trial.point.fun - low_fun - low_slope * (t - low)) / (t - low) ** 2
        guess = low - low_slope / bend if usable and bend > 0 else None
        if enough and trial.slope < 0:
            low, low_fun, low_slope = t, trial.point.fun, trial.slope
        else:
            high = t
        t = _next(low, high, t, guess)
        if not np.isfinite(t) or (high is not None and high - low <= problem.eps * high):
            break
    return best or Failure(finite)


def _try(problem, here, direction, t):
    point = problem.at(problem.retr(here.x, combine((t, direction))))
    moved = problem.transport(here.x, point.x, direction)
    return Trial(t, point, moved, problem.inner(point.x, point.grad, moved))


def _next(low, high, t, guess):
    if high is None:
        return float(np.clip(2 * t if guess is None else guess, t / (1 - MARGIN), t / MARGIN))
    margin = MARGIN * (high - low)
    middle = low + (high - low) * (0.5 if low else MARGIN**0.5)
    return float(np.clip(middle if guess is None else guess, low + margin, high - margin))
