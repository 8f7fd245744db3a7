"""Is the gradient the slope? Compared with differences along random tangents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytensor
import pytensor.tensor as pt

from unitarygraph.checks.report import DirectionsCheck, table
from unitarygraph.checks.tangency import LIMIT, stored_inputs, tangency, unit
from unitarygraph.core.layout import plain
from unitarygraph.parameter import manifold_of
from unitarygraph.stacked.typing import Seed

TOLERANCE = {"float64": 1e-5, "float32": 2e-2}
STEPS = {"float64": np.logspace(-1, -8, 15), "float32": np.logspace(0, -4, 9)}


@dataclass(frozen=True)
class GradientCheck(DirectionsCheck):
    """Result of `check_gradient`: prints as a table, true when it passed."""

    order: ClassVar[int] = 2

    parameter: str
    steps: np.ndarray
    #: central differences, (directions, steps)
    differences: np.ndarray
    #: slopes by the gradient, (directions,)
    slopes: np.ndarray
    #: distances between the two relative to the gradient's size, (directions, steps)
    errors: np.ndarray
    #: rate at which the Riemannian gradient leaves the manifold, 0 when tangent
    tangency: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether differences approach the slope in every direction and the gradient is tangent."""
        best = np.nanmin(np.where(np.isfinite(self.errors), self.errors, np.inf), axis=1)
        return bool(np.all(best <= self.tolerance) and self.tangency <= LIMIT)

    def __str__(self) -> str:
        worst = int(np.argmax(self.errors.min(axis=1)))
        summary = (
            f"smallest error {self.errors[worst].min():.1e} (limit {self.tolerance:.0e}), "
            f"tangency {self.tangency:.1e} (limit {LIMIT:.0e})"
        )
        slopes = np.full(len(self.steps), self.slopes[worst])
        return table(
            f"gradient of {self.parameter}, worst of {len(self.slopes)} directions",
            {
                "step": (9, ".1e"),
                "difference": (14, ".6e"),
                "slope": (14, ".6e"),
                "error": (9, ".1e"),
            },
            zip(self.steps, self.differences[worst], slopes, self.errors[worst], strict=True),
            [(summary, self.passed)],
        )


def check_gradient(
    loss: Any,
    param: Any,
    inputs: Mapping[Any, Any] | None = None,
    directions: int = 3,
    steps: Any = None,
    tolerance: Any = None,
    retraction: str | None = None,
    rng: Seed = 0,
    mode: Any = "KERNELS",
    plot: Any = None,
) -> GradientCheck:
    r"""Compare the gradient of a loss with finite differences along random tangents.

    For unit tangents u at the parameter's value x and a sequence of steps t, the central difference
    :math:`(f(R_x(tu)) - f(R_x(-tu))) / 2t` is compared with
    :math:`\langle \mathrm{grad} f, u \rangle_x`; their distance shrinks like :math:`t^2` until
    rounding takes over. Whether the Riemannian gradient is tangent is measured from values, without
    the manifold's own projection. Nothing is changed: the parameter keeps its value.

    Parameters
    ----------
    loss : symbolic real scalar
    param : shared variable that the loss depends on, complex or not, of any manifold or none
    inputs : dict, optional
        {input variable of the loss: value}, as in ``givens``; of a complex variable a NumPy complex
        array, or its storage
    directions : number of random tangents
    steps : decreasing step lengths, by default 1e-1 ... 1e-8, in float32 1 ... 1e-4
    tolerance : largest error at the best step, relative to the size that a slope in a random
        direction has; by default 1e-5, in float32 2e-2
    retraction : by which the differences walk, by default the manifold's own best
    rng : numpy Generator or seed
    mode : how the graphs are compiled
    plot : a path, matplotlib Axes or True: draw error against step as well

    Returns
    -------
    GradientCheck
        its ``passed``, also its truth value, says whether all is well; print it for a table

    Raises
    ------
    ValueError
        when the loss is not a scalar
    pytensor.gradient.DisconnectedInputError
        when it does not depend on the parameter

    >>> import numpy as np, pytensor.tensor as pt, unitarygraph as ug
    >>> U = ug.manifolds.Unitary()
    >>> W = ug.parameter(U.random_point(3, rng=0, dtype="float64"), U, name="W")
    >>> bool(ug.check_gradient((ug.as_complex(W) ** 3).real.sum(), W))
    True
    """
    manifold, inputs = manifold_of(param), stored_inputs(inputs)
    if loss.type.ndim:
        raise ValueError(f"check_gradient: loss must be a scalar, got shape {loss.type.shape}")
    rng = np.random.default_rng(rng)
    x = np.array(param.get_value())
    steps = np.asarray(STEPS[x.dtype.name] if steps is None else steps, "float64")

    point = param.type("x")
    tangent = param.type("u")
    here = plain(param)
    gradient = manifold.egrad2rgrad(here, plain(pytensor.grad(loss, param)))
    slope = pt.sum(manifold.inner(here, gradient, tangent))
    options = {"mode": mode, "on_unused_input": "ignore"}
    slope_of = pytensor.function([tangent, *inputs], [slope, gradient], **options)
    loss_at = pytensor.function([point, *inputs], loss, givens={param: point}, **options)
    walk = pytensor.function([tangent], manifold.retr(here, tangent, kind=retraction), **options)

    values = list(inputs.values())
    slopes: Any = []
    differences: Any = []
    for _ in range(directions):
        u = unit(manifold, x, manifold.random_tangent(x, rng))
        value, riemannian = slope_of(u, *values)
        slopes.append(float(value))
        differences.append([])
        for step in steps:
            t = x.dtype.type(step)
            rise = float(loss_at(walk(t * u), *values)) - float(loss_at(walk(-t * u), *values))
            differences[-1].append(rise / (2 * float(t)))
    slopes, differences = np.array(slopes), np.array(differences)
    # A random slope has this size; a direction that happens to be flat is judged by it too.
    typical = np.linalg.norm(riemannian) / max(x.size, 1) ** 0.5
    scale = np.maximum(np.abs(slopes[:, None]), typical)
    scale = np.maximum(scale, np.where(scale == 0, np.abs(differences), 0))
    distance = np.abs(differences - slopes[:, None])
    result = GradientCheck(
        parameter=f"{param.name or param} on {manifold}",
        steps=steps,
        differences=differences,
        slopes=slopes,
        errors=np.divide(distance, scale, out=np.zeros_like(distance), where=distance != 0),
        tangency=tangency(manifold, x, riemannian),
        tolerance=TOLERANCE[x.dtype.name] if tolerance is None else tolerance,
    )
    if plot is not None and plot is not False:
        result.plot(plot)
    return result
