"""What many tests measure with: random input, tolerances, evaluation, finite differences.

Derivatives are checked in graphs as they were written: rewriting large ones would take most of the
time. Rewritten graphs are compared elsewhere.
"""

import numpy as np
import pytensor.tensor as pt
from pytensor.compile.mode import Mode
from pytensor.gradient import verify_grad

from unitarygraph.manifolds.values import AS_WRITTEN, evaluate
from unitarygraph.stacked.algebra import algebra

__all__ = [
    "AS_WRITTEN",
    "REWRITTEN",
    "assert_tangents",
    "complex_normal",
    "evaluate",
    "gradcheck",
    "tolerance",
]

# All rewrites and no compiler, for tests of what a graph becomes.
REWRITTEN = Mode(linker="py", optimizer="fast_run")


def complex_normal(rng, *shape):
    """Complex matrix with independent normal real and imaginary parts."""
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def tolerance(dtype, size):
    """Rounding that a computation of the given size may leave."""
    return 20 * np.finfo(dtype).eps * size


def gradcheck(function, arrays, rng, order=1, field="complex"):
    """Gradient (order 1) or gradient of a random projection of it (order 2) against differences.

    ``arrays`` are NumPy matrices; ``function`` takes and gives one stored tensor.
    """
    stored = [algebra(field).from_numpy(a) for a in arrays]

    target = function if order == 1 else _gradient_of(function)
    verify_grad(
        target,
        stored,
        rng=rng,
        mode=AS_WRITTEN,
        no_debug_ref=False,
        abs_tol=1e-5,
        rel_tol=1e-5,
    )


def assert_tangents(f, arrays, directions, rough=0):
    r"""The second half of what f gives is the derivative of the first along the directions.

    By central differences with a step of :math:`\epsilon^{1/3}`, where rounding and the error of the
    formula are alike, :math:`\epsilon^{2/3}` each; ``rough`` is that of `op_table.Row`.
    """
    eps = np.finfo("float64").eps
    h = eps ** (1 / 3)
    up, down = (
        f(*[a + sign * h * d for a, d in zip(arrays, directions, strict=True)]) for sign in (1, -1)
    )
    found = f(*arrays)
    count = len(found) // 2
    for k, dot in enumerate(found[count:]):
        slope = (up[k] - down[k]) / (2 * h)
        bound = 200 * eps ** (2 / 3) * (1 + np.abs(slope).max()) + rough * h
        np.testing.assert_allclose(dot, slope, rtol=0, atol=bound)


def _gradient_of(function):
    """Map from the inputs to the sum of their gradients' weighted entries, as a vector."""

    def gradient(*inputs):
        y = function(*inputs)
        # A fixed, uneven weight of every entry, so that no symmetry hides an error.
        cost = (y * pt.cos(1 + pt.arange(y.size).reshape(y.shape))).sum()
        grads = pt.grad(cost, list(inputs), disconnected_inputs="ignore")
        return pt.concatenate([g.ravel() for g in grads])

    return gradient
