"""The stacked layout: real and imaginary planes on an axis of length 2 before the matrix axes.

A complex scalar is ``(2,)``, a complex vector ``(2, n)``, a complex matrix ``(2, m, n)``, a batch of
matrices ``(..., 2, m, n)``.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor import config
from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

FIELDS = ("complex", "real")
REAL_DTYPES = ("float32", "float64")
COMPLEX_OF = {"float32": "complex64", "float64": "complex128"}


def plane_axis(ndim):
    """Axis of the (real, imaginary) planes in a stacked array of ``ndim`` axes, counted from the end."""
    return -min(ndim, 3)


def from_complex(z: Any) -> np.ndarray:
    """Stack a NumPy complex array: ``(m, n) -> (2, m, n)``, ``(n,) -> (2, n)``, ``() -> (2,)``.

    complex64 becomes float32, complex128 float64; a real array of floats gets a zero imaginary plane.
    The inverse is `to_complex`, exactly. Raises TypeError for other dtypes.
    """
    z = np.asarray(z)
    if z.dtype.kind not in "cf" or z.real.dtype.name not in REAL_DTYPES:
        raise TypeError(
            "from_complex: z must be complex64, complex128, float32 or float64, "
            f"got dtype {z.dtype}"
        )
    return np.stack([z.real, z.imag], axis=plane_axis(z.ndim + 1))


def to_complex(a: Any) -> np.ndarray:
    """NumPy complex array of a stacked one: ``(..., 2, m, n) -> (..., m, n)``, ``(2, n) -> (n,)``.

    float32 becomes complex64, float64 complex128; NaN and infinities keep their plane. Raises
    TypeError for other dtypes and ValueError when the planes' axis is not of length 2.
    """
    a = np.asarray(a)
    if a.dtype.name not in REAL_DTYPES:
        raise TypeError(f"to_complex: a must be float32 or float64, got dtype {a.dtype}")
    if a.ndim == 0 or a.shape[plane_axis(a.ndim)] != 2:
        raise ValueError(
            f"to_complex: a must be stacked, (..., 2, m, n) or (2, n), got shape {a.shape}"
        )
    rest = (slice(None),) * (-plane_axis(a.ndim) - 1)
    re, im = a[(..., 0, *rest)], a[(..., 1, *rest)]
    z = np.empty(re.shape, COMPLEX_OF[a.dtype.name])
    z.real, z.imag = re, im
    return z


def matrix(
    name: str | None = None, shape: Sequence[int | None] = (None, None), dtype: Any = None
) -> TensorVariable:
    """Symbolic complex matrix: ``shape=(..., m, n)`` gives a variable of shape ``(..., 2, m, n)``.

    ``None`` stands for a length that is not known; dtype is float32 or float64, by default
    ``pytensor.config.floatX``.
    """
    shape = tuple(shape)
    if len(shape) < 2:
        raise ValueError(f"matrix: shape must be (..., m, n), got {shape}")
    return pt.tensor(
        name, dtype=checked_dtype("matrix", dtype), shape=(*shape[:-2], 2, *shape[-2:])
    )


def checked_dtype(function, dtype):
    """Name of the planes' dtype, by default ``floatX``; complex64 and complex128 mean theirs.

    Raises TypeError for other dtypes, in the name of a function.
    """
    given = config.floatX if dtype is None else np.dtype(dtype).name
    name = {c: r for r, c in COMPLEX_OF.items()}.get(given, given)
    if name not in REAL_DTYPES:
        raise TypeError(f"{function}: dtype must be float32 or float64, got {given}")
    return name


def plane(a, index):
    """Real (0) or imaginary (1) plane of a stacked tensor."""
    axis = plane_axis(a.type.ndim)
    return a[(..., index, *(slice(None),) * (-axis - 1))]


def from_planes(re, im):
    """Stacked tensor of its planes."""
    return pt.stack([re, im], axis=plane_axis(re.type.ndim + 1))


def is_complex(x):
    """Whether x is a complex variable, a NumPy complex array or a Python complex number."""
    return hasattr(x, "stacked") or (not isinstance(x, Variable) and np.iscomplexobj(x))


def plain(x):
    """The stacked tensor of a complex variable (`unitarygraph.stacked.variables`); others as given."""
    return getattr(x, "stacked", x)


def storage(x):
    """Stored form of a complex variable or of NumPy complex numbers; all else as it is given."""
    return plain(x) if isinstance(x, Variable) or not is_complex(x) else from_complex(x)


def as_stacked(a, function, argument="A"):
    """Tensor variable of ``a``, checked to be stacked, for the function and argument named."""
    a = pt.as_tensor_variable(plain(a))
    if a.type.dtype not in REAL_DTYPES:
        raise TypeError(
            f"{function}: {argument} must be stacked float32 or float64, got dtype {a.type.dtype}; "
            "unitarygraph.stacked.from_complex stacks a complex array"
        )
    if a.type.ndim == 0 or a.type.shape[plane_axis(a.type.ndim)] not in (2, None):
        raise ValueError(
            f"{function}: {argument} must be stacked, (..., 2, m, n) or (2, n), "
            f"got shape {a.type.shape}"
        )
    return a
