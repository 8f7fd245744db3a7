"""NumPy values on manifolds: what a graph evaluates to, and how orthonormal columns are."""

import numpy as np
import pytensor
from pytensor.compile.mode import Mode

# A graph that is run once: rewriting it would take most of the time.
AS_WRITTEN = Mode(linker="py", optimizer="None")


def evaluate(expression, mode=AS_WRITTEN):
    """NumPy value of a graph without inputs, run by Python as it was written."""
    return pytensor.function([], expression, mode=mode)()


def gram_deviation(z):
    r""":math:`\|Z^H Z - I\|_F` of NumPy matrices ``(..., m, n)``, one number a matrix."""
    gram = np.conj(np.swapaxes(z, -1, -2)) @ z
    return np.linalg.norm(gram - np.eye(z.shape[-1]), axis=(-2, -1))
