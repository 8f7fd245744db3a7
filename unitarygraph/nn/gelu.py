"""The Gaussian error linear unit."""

import numpy as np
import pytensor.tensor as pt


def gelu(x):
    r"""Elementwise :math:`x\,\Phi(x)`, Phi the normal distribution function: shape and dtype of x.

    Source: Hendrycks and Gimpel (2016), "Gaussian error linear units".
    """
    half, root = (np.asarray(c, x.type.dtype) for c in (0.5, np.sqrt(0.5)))
    return x * (half * pt.erfc(-root * x))
