"""Newton steps within a radius in which the quadratic model is trusted."""

import numpy as np

from unitarygraph.minimize.problem import combine
from unitarygraph.minimize.stop import not_finite, stuck

#: a step is taken when the loss falls by more than this share of what the model promised
TAKEN = 0.1
#: the inner iteration ends when the residual has shrunk to min(KAPPA, |g|) of what it was
KAPPA = 0.1


def trust_regions(problem, here):
    r"""Points of the trust-region method, a generator that returns why it ended.

    Each iteration minimizes :math:`m(u) = \langle g, u\rangle + \frac12 \langle u, H u\rangle` over
    :math:`|u| \le \Delta` by truncated conjugate gradients and compares the fall of the loss with that
    of the model; both are raised by the rounding of the loss, below which their ratio says nothing.
    Near a minimum with a positive definite Hessian the convergence is quadratic. Source: Absil, Baker,
    Gallivan (2007), algorithms 1 and 2.
    """
    yield here
    size = sum(x.size for x in here.x) ** 0.5
    radius = size / 8
    while True:
        step, fall, at_edge = truncated_cg(problem, here, radius)
        if not np.isfinite(fall):
            return not_finite("in the Hessian")
        x = problem.retr(here.x, step)
        fun = problem.fun(x)
        noise = 1e3 * problem.eps * max(1.0, abs(here.fun))
        ratio = (here.fun - fun + noise) / (fall + noise)
        finite = bool(np.isfinite(fun))
        good = finite and ratio > TAKEN
        if good:
            new = problem.at(x)
            good = finite = new.finite
        if not finite or ratio < 0.25:
            radius /= 4
        elif ratio > 0.75 and at_edge:
            radius *= 2
        if good:
            here = new
        elif radius < problem.eps * size:
            return stuck(here.norm) if finite else not_finite("however short the step")
        yield here


def truncated_cg(problem, here, radius):
    """Steihaug's minimization of the model: step, fall of the model, whether it is at the edge.

    It ends at the edge, on a direction of negative curvature or with a residual of
    ``|g| min(0.1, |g|)``.
    """
    inner = lambda a, b: problem.inner(here.x, a, b)  # noqa: E731
    step = hess_step = combine((0, here.grad))
    residual, direction = here.grad, combine((-1, here.grad))
    square = here.norm**2
    inside, along, length = 0.0, 0.0, square
    goal = here.norm * min(KAPPA, here.norm)
    at_edge = False
    for _ in range(sum(x.size for x in here.x)):
        hess = problem.hessian(here.x, direction)
        curvature = inner(direction, hess)
        t = square / curvature if curvature > 0 else np.inf
        reached = inside + 2 * t * along + t * t * length if np.isfinite(t) else np.inf
        if not reached < radius**2:
            # t >= 0 with |step + t direction| = radius.
            root = np.sqrt(max(along**2 + length * (radius**2 - inside), 0.0))
            t, at_edge = (root - along) / length, True
        step = combine((1, step), (t, direction))
        hess_step = combine((1, hess_step), (t, hess))
        if at_edge:
            break
        residual = combine((1, residual), (t, hess))
        before, square = square, inner(residual, residual)
        if square**0.5 <= goal or not np.isfinite(square):
            break
        direction = combine((-1, residual), (square / before, direction))
        inside, along, length = (
            inner(step, step),
            inner(step, direction),
            inner(direction, direction),
        )
    return step, -inner(here.grad, step) - inner(step, hess_step) / 2, at_edge
