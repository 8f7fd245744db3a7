"""Complex variables made: symbolic ones, and those of tensors and NumPy arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt

from unitarygraph.core.layout import (
    as_stacked,
    checked_dtype,
    from_complex,
    from_planes,
    is_complex,
)
from unitarygraph.stacked.arithmetic import real_tensor
from unitarygraph.stacked.variables import ComplexVariable, mark

Shape = Sequence[int | None]


def as_complex(x: Any, name: str | None = None) -> ComplexVariable:
    """Complex variable of a stacked tensor variable or of a NumPy complex array.

    ``(..., 2, m, n)``, ``(2, n)`` or ``(2,)`` stacked, of float32 or float64; a complex variable is
    returned as it is. A NumPy complex array or Python complex number becomes a constant. Raises
    TypeError for other dtypes, ValueError where no axis can be that of the planes.
    """
    if isinstance(x, ComplexVariable):
        return x
    if is_complex(x):
        x = pt.constant(from_complex(np.asarray(x)))
    result = mark(as_stacked(x, "as_complex", "x"))
    if name is not None:
        result.name = name
    return result


def complex(re: Any, im: Any = None, name: str | None = None) -> ComplexVariable:
    """Complex variable re + i im of real tensors or arrays, which broadcast: ``(..., m, n)``.

    ``im`` is zero by default. Both have one dtype, float32 or float64; Python numbers take the other
    one's. Raises TypeError for other dtypes and for complex arguments.
    """
    if is_complex(re) or is_complex(im):
        raise TypeError("complex: re and im must be real, got a complex one")
    given = [x for x in (re, im) if hasattr(x, "dtype")]
    dtype = given[0].dtype if given else None
    re = real_tensor("complex: re", re, dtype)
    im = pt.zeros_like(re) if im is None else real_tensor("complex: im", im, re.type.dtype)
    if re.type.dtype != im.type.dtype:
        raise TypeError(
            f"complex: re and im must have one dtype, got {re.type.dtype} and {im.type.dtype}"
        )
    re, im = pt.broadcast_arrays(re, im) if re.type.shape != im.type.shape else (re, im)
    result = mark(from_planes(re, im))
    if name is not None:
        result.name = name
    return result


def matrix(
    name: str | None = None, shape: Shape = (None, None), dtype: str | None = None
) -> ComplexVariable:
    """Symbolic complex matrix, or batch of matrices, of shape ``(..., m, n)``.

    ``None`` stands for a length that is not known; dtype is that of the planes, float32 or float64
    (complex64 and complex128 mean the same), by default ``pytensor.config.floatX``. Raises ValueError
    for a shape of fewer than two axes, TypeError for another dtype.
    """
    shape = tuple(shape)
    if len(shape) < 2:
        raise ValueError(f"matrix: shape must be (..., m, n), got {shape}")
    return _input("matrix", name, (*shape[:-2], 2, *shape[-2:]), dtype)


def vector(
    name: str | None = None, shape: Shape | int = (None,), dtype: str | None = None
) -> ComplexVariable:
    """Symbolic complex vector, of shape ``(n,)``; name, dtype and errors as `matrix`."""
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if len(shape) != 1:
        raise ValueError(f"vector: shape must be (n,), got {shape}")
    return _input("vector", name, (2, *shape), dtype)


def _input(function, name, shape, dtype):
    plain_type = pt.TensorType(checked_dtype(function, dtype), shape=shape)
    return ComplexVariable(plain_type, None, None, name=name)
