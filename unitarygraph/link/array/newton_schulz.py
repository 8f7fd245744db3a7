"""Newton-Schulz step."""

from unitarygraph.link.array.products import hconj


def newton_schulz(xp, op, x):
    """`NewtonSchulz`."""
    return step(xp, x)


def newton_schulz_derivative(xp, op, x, e):
    """`NewtonSchulzDerivative`."""
    gram, inside = hconj(xp, x) @ x, hconj(xp, x) @ e
    around = e @ (gram - xp.eye_like(gram)) + x @ (inside + hconj(xp, inside))
    return e - 0.5 * around


def step(xp, x):
    """x - x (x^H x - I)/2: from the deviation, so that a small one keeps its digits."""
    gram = hconj(xp, x) @ x
    return x - 0.5 * (x @ (gram - xp.eye_like(gram)))
