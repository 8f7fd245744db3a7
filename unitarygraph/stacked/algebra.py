"""The algebra of stacked tensors: symbolic functions named after their NumPy counterparts.

All take and give stacked tensors (see `unitarygraph.stacked.layout`), broadcast leading axes like
NumPy and keep the dtype and the static shapes that are known. The gradient of a real loss L in a
stacked Z is dL/dRe(Z) + i dL/dIm(Z), the direction of steepest ascent.
"""

import numpy as np
import pytensor.tensor as pt
from pytensor import config

from unitarygraph.stacked.layout import REAL_DTYPES, as_stacked, plane_axis
from unitarygraph.stacked.modulus import Modulus, Norm
from unitarygraph.stacked.products import HConj, MatMul
from unitarygraph.stacked.solve import Solve


def _plane(a, index):
    axis = plane_axis(a.type.ndim)
    return a[(..., index, *(slice(None),) * (-axis - 1))]


def _sign(a):
    """Constant (1, -1) along the planes' axis."""
    shape = (2, *(1,) * (-plane_axis(a.type.ndim) - 1))
    return pt.constant(np.array([1, -1], dtype=a.type.dtype).reshape(shape))


def real(A):
    """Real part: ``(..., 2, m, n) -> (..., m, n)``, a plain tensor."""
    return _plane(as_stacked(A, "real"), 0)


def imag(A):
    """Imaginary part: ``(..., 2, m, n) -> (..., m, n)``, a plain tensor."""
    return _plane(as_stacked(A, "imag"), 1)


def stack(re, im):
    """Stack two plain tensors of one shape and dtype: ``(..., m, n) -> (..., 2, m, n)``."""
    re, im = pt.as_tensor_variable(re), pt.as_tensor_variable(im)
    if re.type.ndim != im.type.ndim or re.type.dtype != im.type.dtype:
        raise ValueError(f"stack: re and im must be alike, got {re.type} and {im.type}")
    return as_stacked(pt.stack([re, im], axis=plane_axis(re.type.ndim + 1)), "stack", "re")


def conj(A):
    """Complex conjugate, of the shape of A."""
    A = as_stacked(A, "conj")
    return A * _sign(A)


def hconj(A):
    """Conjugate transpose: ``(..., 2, m, n) -> (..., 2, n, m)``."""
    return HConj()(A)


def matmul(*factors):
    """Matrix product of two or more factors, ``(..., 2, m, k), (..., 2, k, n) -> (..., 2, m, n)``.

    Raises ValueError when inner lengths differ, TypeError when dtypes do.
    """
    if len(factors) < 2:
        raise ValueError(f"matmul: expected two or more factors, got {len(factors)}")
    product, *rest = factors
    for factor in rest:
        product = MatMul()(product, factor)
    return product


def mul(A, B):
    """Elementwise complex product of stacked tensors that broadcast."""
    A, B = as_stacked(A, "mul", "A"), as_stacked(B, "mul", "B")
    return stack(real(A) * real(B) - imag(A) * imag(B), real(A) * imag(B) + imag(A) * real(B))


def abs(A):
    r"""Modulus :math:`\sqrt{Re^2 + Im^2}`, a plain tensor ``(..., m, n)``.

    Free of overflow and underflow; the gradient at zero is taken as zero.
    """
    A = as_stacked(A, "abs")
    missing = max(0, 3 - A.type.ndim)
    matrices = pt.expand_dims(A, tuple(range(A.type.ndim, A.type.ndim + missing)))
    return Modulus()(matrices).squeeze(axis=tuple(range(-missing, 0)))


def angle(A):
    r"""Argument in :math:`(-\pi, \pi]`, a plain tensor ``(..., m, n)``; zero, gradient too, at 0."""
    A = as_stacked(A, "angle")
    re, im = real(A), imag(A)
    zero = pt.eq(re, 0) & pt.eq(im, 0)
    return pt.arctan2(im, pt.switch(zero, pt.ones_like(re), re))


def eye(n, dtype=None):
    """Identity ``(2, n, n)``; n an integer or a symbolic scalar, dtype by default ``floatX``."""
    dtype = config.floatX if dtype is None else np.dtype(dtype).name
    if dtype not in REAL_DTYPES:
        raise TypeError(f"eye: dtype must be float32 or float64, got {dtype}")
    identity = pt.eye(n, dtype=dtype)
    return stack(identity, pt.zeros_like(identity))


def trace(A):
    """Trace, a stacked scalar: ``(..., 2, n, n) -> (..., 2)``."""
    A = as_stacked(A, "trace")
    m, n = A.type.shape[-2:] if A.type.ndim >= 3 else (None, None)
    if A.type.ndim < 3 or (m is not None and n is not None and m != n):
        raise ValueError(f"trace: A must be (..., 2, n, n), got shape {A.type.shape}")
    return pt.diagonal(A, axis1=-2, axis2=-1).sum(axis=-1)


def inner(A, B):
    r"""Real inner product :math:`\mathrm{Re}\,\mathrm{tr}(A^H B)`: ``(..., 2, m, n) -> (...)``."""
    A, B = as_stacked(A, "inner", "A"), as_stacked(B, "inner", "B")
    return (A * B).sum(axis=[-3, -2, -1] if max(A.type.ndim, B.type.ndim) >= 3 else None)


def norm(A):
    r"""Frobenius norm :math:`\sqrt{\langle A, A\rangle}`: ``(..., 2, m, n) -> (...)``.

    Free of overflow and underflow; the gradient at zero is taken as zero.
    """
    A = as_stacked(A, "norm")
    return Norm()(pt.expand_dims(A, tuple(range(A.type.ndim, max(3, A.type.ndim)))))


def solve(A, B):
    """Solution X of A X = B: ``(..., 2, n, n), (..., 2, n, k) -> (..., 2, n, k)``; NaN if singular."""
    return Solve()(A, B)


def concatenate(arrays, axis=-1):
    """Join stacked matrices along a matrix axis: -2 (or 0) for rows, -1 (or 1) for columns.

    The axis is counted as in the complex matrix: the planes' axis is never joined.
    """
    if axis not in (-2, -1, 0, 1):
        raise ValueError(f"concatenate: axis must be -2 or 0 (rows), -1 or 1 (columns), got {axis}")
    arrays = [as_stacked(a, "concatenate", f"arrays[{i}]") for i, a in enumerate(arrays)]
    return pt.concatenate(arrays, axis=(axis if axis < 0 else axis - 2))


def block(rows):
    """Block matrix from nested lists of stacked matrices, as `numpy.block`."""
    return concatenate([concatenate(row, axis=-1) for row in rows], axis=-2)


def skew_hermitian(A):
    """Skew-Hermitian part (A - A^H)/2, of the shape of A."""
    A = as_stacked(A, "skew_hermitian")
    return (A - hconj(A)) * np.asarray(0.5, dtype=A.type.dtype)


def hermitian(A):
    """Hermitian part (A + A^H)/2, of the shape of A."""
    A = as_stacked(A, "hermitian")
    return (A + hconj(A)) * np.asarray(0.5, dtype=A.type.dtype)
