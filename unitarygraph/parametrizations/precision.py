"""The precision in which a given matrix is known."""

import numpy as np


def coarser_epsilon(W, dtype):
    """The larger machine epsilon of ``dtype`` and of the array W, that of ``dtype`` for integers."""
    epsilons = [np.finfo(dtype).eps]
    if np.asarray(W).dtype.kind in "fc":
        epsilons.append(np.finfo(np.asarray(W).dtype).eps)
    return float(max(epsilons))
