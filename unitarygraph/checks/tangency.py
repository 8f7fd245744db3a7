"""Whether a vector is tangent, found without the manifold's own projection."""

import numpy as np
import pytensor.tensor as pt

from unitarygraph.core.layout import storage
from unitarygraph.manifolds.values import evaluate


def tangency(manifold, x, u):
    """Rate at which x + t u leaves the manifold, for u of length 1: zero for a tangent.

    It reads `Manifold.deviation` alone, NumPy on values, so that a projection that is wrong cannot
    vouch for itself. Accurate to about 1e-4.
    """
    x, u = np.asarray(x, "float64"), np.asarray(u, "float64")
    length = np.linalg.norm(u)
    if length == 0:
        return 0.0
    # The deviation of x itself, rounding in x's own dtype, is taken off.
    t = 1e-4
    there, here = manifold.deviation(x + t * u / length), manifold.deviation(x)
    return float(max(np.max(there) - np.max(here), 0.0) / t)


#: above this a vector is not tangent: curvature makes 1e-4, a vector across the manifold about 1
LIMIT = 0.02


def unit(manifold, x, u):
    """The tangent u divided by its length in the manifold's metric, all matrices of a batch jointly."""
    length = np.linalg.norm(evaluate(manifold.norm(*map(pt.as_tensor, (x, u)))))
    return (u / length).astype(x.dtype) if length else u


def stored_inputs(inputs):
    """A check's inputs, {variable: value}, with the storage of NumPy complex arrays."""
    return {variable: storage(value) for variable, value in dict(inputs or {}).items()}
