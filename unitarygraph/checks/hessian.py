"""Is the Hessian the curvature? Compared with a loss along random tangents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytensor
import pytensor.tensor as pt

from unitarygraph.checks.report import DirectionsCheck, table
from unitarygraph.checks.retraction import slope
from unitarygraph.checks.tangency import LIMIT, stored_inputs, tangency, unit
from unitarygraph.core.layout import plain
from unitarygraph.parameter import manifold_of
from unitarygraph.stacked.typing import Seed

STEPS = {"float64": np.logspace(-1, -3, 9), "float32": np.logspace(-0.7, -1.5, 7)}
#: how far below 3 a slope may be, and how far the Hessian from symmetric
TOLERANCE = {"float64": (0.25, 1e-8), "float32": (0.5, 1e-2)}


@dataclass(frozen=True)
class HessianCheck(DirectionsCheck):
    """Result of `check_hessian`: prints as a table, true when it passed."""

    order: ClassVar[int] = 3

    parameter: str
    steps: np.ndarray
    #: |f(R_x(tu)) - f(x) - t <grad, u> - t^2 <Hess u, u> / 2|, (directions, steps)
    errors: np.ndarray
    #: slopes of log errors over log steps, 3 when all is right; infinite when the errors vanish
    slopes: np.ndarray
    #: |<Hess u, v> - <u, Hess v>| relative to the lengths of Hess u and Hess v, largest found
    asymmetry: float
    #: rate at which Hess u leaves the manifold, 0 when tangent
    tangency: float
    #: largest error allowed of a slope and of the symmetry
    tolerance: tuple[float, float]

    @property
    def passed(self) -> bool:
        """Whether all slopes are 3 or more and the Hessian is symmetric and tangent."""
        below, skew = self.tolerance
        steep = np.all(self.slopes >= 3 - below)
        return bool(steep and self.asymmetry <= skew and self.tangency <= LIMIT)

    def __str__(self) -> str:
        worst = int(np.argmin(self.slopes))
        summary = (
            f"slope {self.slopes[worst]:.2f} (expected 3), asymmetry {self.asymmetry:.1e} "
            f"(limit {self.tolerance[1]:.0e}), tangency {self.tangency:.1e} (limit {LIMIT:.0e})"
        )
        return table(
            f"Hessian of {self.parameter}, worst of {len(self.slopes)} directions",
            {"step": (9, ".1e"), "error": (9, ".1e")},
            zip(self.steps, self.errors[worst], strict=True),
            [(summary, self.passed)],
        )


def check_hessian(
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
) -> HessianCheck:
    r"""Compare the Riemannian Hessian of a loss with the loss along random tangents.

    For unit tangents u at the parameter's value x the error of the expansion

    .. math:: f(R_x(tu)) = f(x) + t \langle \mathrm{grad} f, u \rangle
              + \tfrac{t^2}{2} \langle \mathrm{Hess} f[u], u \rangle + O(t^3)

    has slope 3 over t, both logarithmic, if gradient, Hessian and retraction are right. Hess f[u]
    comes from PyTensor's gradient of the gradient and the manifold's ``ehess2rhess``; that it is
    symmetric and tangent is measured too. Nothing is changed: the parameter keeps its value.
    Source: Boumal (2023), section 6.8; Manopt's checkhessian.

    Parameters
    ----------
    loss : symbolic real scalar
    param : shared variable that the loss depends on, complex or not, of any manifold or none
    inputs : dict, optional
        {input variable of the loss: value}, as in ``givens``; of a complex variable a NumPy complex
        array, or its storage
    directions : number of random tangents
    steps : step lengths, by default 1e-1 ... 1e-3, in float32 0.2 ... 0.03
    tolerance : how far a slope may be below 3 and how far the Hessian from symmetric, by default
        (0.25, 1e-8), in float32 (0.5, 1e-2)
    retraction : one of order 2, by default the manifold's first; with a retraction of order 1 the
        slope is 2 but where the gradient vanishes
    rng : numpy Generator or seed
    mode : how the graphs are compiled
    plot : a path, matplotlib Axes or True: draw error against step as well

    Returns
    -------
    HessianCheck
        its ``passed``, also its truth value, says whether all is well; print it for a table

    Raises
    ------
    ValueError
        when the loss is not a scalar, or the retraction is declared to be of order 1
    pytensor.gradient.DisconnectedInputError
        when it does not depend on the parameter

    >>> import unitarygraph as ug
    >>> U = ug.manifolds.Unitary()
    >>> W = ug.parameter(U.random_point(3, rng=0, dtype="float64"), U, name="W")
    >>> bool(ug.check_hessian((ug.as_complex(W) ** 3).real.sum(), W))
    True
    """
    manifold, inputs = manifold_of(param), stored_inputs(inputs)
    if loss.type.ndim:
        raise ValueError(f"check_hessian: loss must be a scalar, got shape {loss.type.shape}")
    if retraction is None:
        # The first of the highest order: a manifold's best may be one of order 1.
        retraction = max(manifold.retractions, key=manifold.retractions.__getitem__)
    if manifold.retractions.get(retraction, 2) < 2:
        good = ", ".join(repr(name) for name, order in manifold.retractions.items() if order > 1)
        raise ValueError(
            f"check_hessian: retraction must be of order 2 on {manifold}, one of {good}, "
            f"got {retraction!r}"
        )
    rng = np.random.default_rng(rng)
    x = np.array(param.get_value())
    steps = np.asarray(STEPS[x.dtype.name] if steps is None else steps, "float64")

    point, tangent, other = param.type("x"), param.type("u"), param.type("v")
    stored, egrad = plain(param), plain(pytensor.grad(loss, param))
    ehess = plain(pytensor.grad(pt.sum(egrad * tangent), param, disconnected_inputs="ignore"))
    hess = manifold.ehess2rhess(stored, egrad, ehess, tangent)
    inner = lambda a, b: pt.sum(manifold.inner(stored, a, b))  # noqa: E731
    first = inner(manifold.egrad2rgrad(stored, egrad), tangent)
    terms = [first, inner(hess, tangent), inner(hess, other), inner(hess, hess), hess]
    options = {"mode": mode, "on_unused_input": "ignore"}
    terms_of = pytensor.function([tangent, other, *inputs], terms, **options)
    loss_at = pytensor.function([point, *inputs], loss, givens={param: point}, **options)
    walk = pytensor.function([tangent], manifold.retr(stored, tangent, kind=retraction), **options)

    values = list(inputs.values())
    here = float(loss_at(x, *values))
    tangents = [unit(manifold, x, manifold.random_tangent(x, rng)) for _ in range(directions)]
    errors, slopes, asymmetries, leaving = [], [], [], 0.0
    for u, v in zip(tangents, tangents[1:] + tangents[:1], strict=True):
        gradient, curvature, uv, uu, hess_u = terms_of(u, v, *values)
        _, _, vu, vv, _ = terms_of(v, u, *values)
        size = max(float(uu) ** 0.5, float(vv) ** 0.5)
        asymmetries.append(abs(float(uv) - float(vu)) / size if size else 0.0)
        leaving = max(leaving, tangency(manifold, x, hess_u))
        rises = [float(loss_at(walk(x.dtype.type(t) * u), *values)) - here for t in steps]
        expected = steps * float(gradient) + steps**2 / 2 * float(curvature)
        errors.append(np.abs(np.array(rises) - expected))
        scale = abs(here) + abs(float(gradient)) + abs(float(curvature))
        slopes.append(slope(steps, errors[-1], 50 * np.finfo(x.dtype).eps * scale))
    result = HessianCheck(
        parameter=f"{param.name or param} on {manifold}",
        steps=steps,
        errors=np.array(errors),
        slopes=np.array(slopes),
        asymmetry=max(asymmetries),
        tangency=leaving,
        tolerance=TOLERANCE[x.dtype.name] if tolerance is None else tolerance,
    )
    if plot is not None and plot is not False:
        result.plot(plot)
    return result
