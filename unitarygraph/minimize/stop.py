"""How a minimization ends."""

from typing import NamedTuple


class Stop(NamedTuple):
    """Status as in SciPy's result (0 is success) and a sentence."""

    status: int
    message: str


def converged(norm, tol):
    """The gradient is short enough."""
    return Stop(0, f"converged: the gradient's length {norm:.3g} is at most tol = {tol:.3g}")


def exhausted(count):
    """All iterations were used."""
    return Stop(1, f"stopped after max_iterations = {count}")


def stuck(norm):
    """No step lowers the loss."""
    return Stop(
        2,
        f"no step lowers the loss, the gradient's length is {norm:.3g}: the loss is exact only up "
        "to rounding, or its gradient is wrong (unitarygraph.check_gradient)",
    )


def not_finite(where):
    """Loss, gradient or Hessian is NaN or infinite."""
    return Stop(3, f"the loss or a derivative is not finite {where}; the last good point is kept")


def interrupted():
    """The callback raised StopIteration."""
    return Stop(4, "stopped by the callback")
