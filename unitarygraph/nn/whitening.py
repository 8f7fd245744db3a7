r"""What the complex normalizations share: the 2 x 2 covariance of real and imaginary part.

A complex number is a vector of two here, a pair of parts, each with an axis of length 1 for its plane;
three numbers make a symmetric 2 x 2 matrix ``(rr, ri, ii)``.

Source: Trabelsi et al. (2018), "Deep complex networks", section 3.5.
"""

import numpy as np
import pytensor.tensor as pt


def parts_of(z):
    """Real and imaginary part of stacked z ``(..., 2, m, n)``, each with an axis of length 1."""
    return z[..., :1, :, :], z[..., 1:, :, :]


def joined(parts):
    """Inverse of `parts_of`."""
    return pt.concatenate(parts, axis=-3)


def means(parts, along):
    """Mean of each part over axes ``along``, which are kept."""
    return tuple(pt.mean(part, axis=along, keepdims=True) for part in parts)


def covariance(centered, along):
    """``(rr, ri, ii)``: mean over axes ``along`` of the products of the parts; axes are kept."""
    x, y = centered
    return tuple(pt.mean(a * b, axis=along, keepdims=True) for a, b in ((x, x), (x, y), (y, y)))


def inverse_root(matrix, epsilon):
    r"""``(rr, ri, ii)`` of :math:`(V + \epsilon I)^{-1/2}` for positive semidefinite V.

    .. math:: (V + \epsilon I)^{-1/2} = \frac{1}{s t}
              \begin{pmatrix} c + s & -b \\ -b & a + s \end{pmatrix}, \quad
              s = \sqrt{ac - b^2},\ t = \sqrt{a + c + 2 s}

    with a, c the diagonal of :math:`V + \epsilon I` and b its other entry. The determinant of V
    is taken to be at least 0, which rounding may undo, so that s is never 0 nor its root NaN.
    """
    rr, ri, ii = matrix
    epsilon = np.asarray(epsilon, rr.type.dtype)
    a, c = rr + epsilon, ii + epsilon
    s = pt.sqrt(pt.maximum(rr * ii - ri * ri, 0) + epsilon * (rr + c))
    scale = 1 / (s * pt.sqrt(a + c + 2 * s))
    return (c + s) * scale, -ri * scale, (a + s) * scale


def turn(matrix, parts):
    """Symmetric 2 x 2 matrices ``(rr, ri, ii)`` times vectors of parts."""
    rr, ri, ii = matrix
    x, y = parts
    return rr * x + ri * y, ri * x + ii * y


def initial_gain(features, dtype):
    r"""``(3, features)``: rr and ii :math:`1/\sqrt 2`, ri 0, so that a whitened entry has E|z|^2 = 1."""
    return np.outer([np.sqrt(0.5), 0, np.sqrt(0.5)], np.ones(features)).astype(dtype)
