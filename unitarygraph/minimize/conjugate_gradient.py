"""Nonlinear conjugate gradients."""

from unitarygraph.minimize.line_search import Failure, line_search
from unitarygraph.minimize.problem import combine
from unitarygraph.minimize.stop import not_finite, stuck

#: |slope| at the end of a step relative to that at its start: directions stay nearly conjugate
FLATNESS = 0.1


def conjugate_gradient(problem, here):
    r"""Points of :math:`d \leftarrow -g + \beta\, T d`, a generator that returns why it ended.

    With the transport T along the step and :math:`y = g_{+} - T g`, Hestenes and Stiefel's
    :math:`\beta = \max(0, \langle g_{+}, y\rangle / \langle y, T d\rangle)`; the direction is -g again
    where it would not descend. Source: Absil, Mahony, Sepulchre (2008), section 8.3; Boumal (2023),
    An Introduction to Optimization on Smooth Manifolds, section 4.8; Sato (2021).
    """
    yield here
    direction, t, before = None, None, 0.0
    while True:
        slope = problem.inner(here.x, here.grad, direction) if direction else 0.0
        fresh = slope >= -1e-10 * here.norm**2
        if fresh:
            direction, slope = combine((-1, here.grad)), -(here.norm**2)
        # The first change of the loss along the step is taken to be that of the last step.
        first = 1 / max(here.norm, 1.0) if t is None else t * before / slope
        found = line_search(problem, here, direction, slope, first, FLATNESS)
        if isinstance(found, Failure):
            if not fresh:
                direction, t = None, None
                continue
            return stuck(here.norm) if found.finite else not_finite("along the gradient")
        old, here, t, before = here, found.point, found.t, slope
        yield here
        moved = problem.transport(old.x, here.x, old.grad)
        change = combine((1, here.grad), (-1, moved))
        curvature = problem.inner(here.x, change, found.direction)
        beta = problem.inner(here.x, here.grad, change) / curvature if curvature > 0 else 0.0
        direction = combine((-1, here.grad), (max(beta, 0.0), found.direction))
