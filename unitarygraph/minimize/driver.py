"""The entry: iterations, history, result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable

from unitarygraph.minimize.conjugate_gradient import conjugate_gradient
from unitarygraph.minimize.lbfgs import lbfgs
from unitarygraph.minimize.problem import Problem
from unitarygraph.minimize.stop import converged, exhausted, interrupted, not_finite
from unitarygraph.minimize.trust_regions import trust_regions
from unitarygraph.stacked.typing import Params

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

#: name -> generator of points of a `Problem`
METHODS = {
    "conjugate_gradient": conjugate_gradient,
    "lbfgs": lbfgs,
    "trust_regions": trust_regions,
}


def minimize(
    loss: Variable,
    params: Params,
    method: str = "lbfgs",
    inputs: Mapping[Variable, Any] | None = None,
    tol: float | None = None,
    max_iterations: int = 1000,
    callback: Callable[[OptimizeResult], Any] | None = None,
    mode: Any = None,
) -> OptimizeResult:
    r"""Minimize a loss over parameters of manifolds and of flat space, and set them to the solution.

    The loss, its Riemannian gradient, the product with its Riemannian Hessian ("trust_regions" only),
    retraction and transport are compiled once; the iterations run in Python. For full batches: the
    loss must be the same function at every call. Retractions are of order 2, by default "polar".

    Parameters
    ----------
    loss : symbolic scalar
    params : shared variables that it depends on, or one; of any manifolds or none; complex or plain
    method : "lbfgs", "conjugate_gradient" or "trust_regions", which needs second derivatives
    inputs : dict, optional
        {input variable of the loss: value}, NumPy complex arrays for complex variables
    tol : length of the Riemannian gradient at which to stop, by default :math:`\sqrt\epsilon
        \max(1, |g_0|)` with the rounding unit of the parameters and the gradient at the start
    max_iterations : int
    callback : function of the `scipy.optimize.OptimizeResult` so far (``x``, ``fun``, ``grad_norm``,
        ``nit``), called after each iteration; it may raise StopIteration
    mode : how the graphs are compiled, by default PyTensor's

    Returns
    -------
    scipy.optimize.OptimizeResult
        ``x`` list of values, ``fun``, ``jac`` list of Riemannian gradients, both NumPy complex arrays
        for parameters that are complex variables, else stacked as they are; ``grad_norm``, ``nit``,
        ``nfev`` losses, ``njev`` of them with the gradient, ``nhev`` Hessian products,
        ``success``, ``message``, ``status`` and ``history``, a dict of arrays ``fun`` and
        ``grad_norm`` over the iterations, the start first. Status 0: converged; 1: max_iterations;
        2: no step lowers the loss; 3: the loss or a derivative is not finite; 4: ended by the callback.
        In every case the parameters hold the last good point.

    Raises
    ------
    ValueError
        for an unknown method, a loss that is not a scalar, a parameter given twice or off its
        manifold, a ``tol`` or ``max_iterations`` that is negative
    TypeError
        for params that are not shared variables of floats, a loss that is not symbolic
    pytensor.gradient.DisconnectedInputError
        for a parameter that the loss does not depend on

    Source: Absil, Mahony, Sepulchre (2008); each method's module names its own.

    >>> import numpy as np, unitarygraph as ug
    >>> U = ug.manifolds.Unitary()
    >>> W = ug.parameter(U.random_point(3, rng=0, dtype="float64"), U, name="W")
    >>> target = U.random_point(3, rng=1, dtype="float64")
    >>> loss = -ug.as_complex(W).inner(ug.as_complex(target))
    >>> result = ug.minimize(loss, W, mode="FAST_COMPILE")
    >>> bool(np.allclose(W.get_value(), target, atol=1e-6))
    True
    """
    params = [params] if isinstance(params, SharedVariable) else list(params)
    _check(loss, params, method, tol, max_iterations)
    problem = Problem(loss, params, inputs, mode)
    here = problem.at(problem.start())
    if not here.finite:
        return _result(problem, here, [here], not_finite("at the start"))
    limit = np.sqrt(problem.eps) * max(1.0, here.norm) if tol is None else tol
    history = []
    iterations = METHODS[method](problem, here)
    try:
        while True:
            try:
                here = next(iterations)
            except StopIteration as end:
                stop = end.value
                break
            history.append(here)
            stop = _reason_to_stop(problem, here, limit, len(history) - 1, max_iterations, callback)
            if stop:
                break
    finally:
        for p, value in zip(params, here.x, strict=True):
            p.set_value(value)
    return _result(problem, here, history, stop)


def _reason_to_stop(problem, here, tol, nit, max_iterations, callback):
    """The `Stop` that ends the iterations here, None where they go on."""
    if callback is not None and nit:
        from scipy.optimize import OptimizeResult

        try:
            values = problem.as_given(here.x)
            callback(OptimizeResult(x=values, fun=here.fun, grad_norm=here.norm, nit=nit))
        except StopIteration:
            return interrupted()
    if here.norm <= tol:
        return converged(here.norm, tol)
    return exhausted(max_iterations) if nit >= max_iterations else None


def _result(problem, here, history, stop):
    from scipy.optimize import OptimizeResult

    return OptimizeResult(
        x=[np.array(value) for value in problem.as_given(here.x)],
        fun=here.fun,
        jac=problem.as_given(here.grad),
        grad_norm=here.norm,
        nit=len(history) - 1,
        nfev=problem.evaluations["loss"] + problem.evaluations["gradient"],
        njev=problem.evaluations["gradient"],
        nhev=problem.evaluations["hessian"],
        success=stop.status == 0,
        status=stop.status,
        message=stop.message,
        history={
            "fun": np.array([point.fun for point in history]),
            "grad_norm": np.array([point.norm for point in history]),
        },
    )


def _check(loss, params, method, tol, max_iterations):
    if method not in METHODS:
        names = ", ".join(map(repr, METHODS))
        raise ValueError(f"minimize: method must be one of {names}, got {method!r}")
    if not isinstance(loss, Variable):
        raise TypeError(f"minimize: loss must be a symbolic scalar, got {loss!r}")
    if loss.type.ndim:
        raise ValueError(f"minimize: loss must be a scalar, got shape {loss.type.shape}")
    if not params:
        raise ValueError("minimize: params is empty")
    if tol is not None and not tol >= 0:
        raise ValueError(f"minimize: tol must not be negative, got {tol}")
    if not max_iterations >= 0:
        raise ValueError(f"minimize: max_iterations must not be negative, got {max_iterations}")
