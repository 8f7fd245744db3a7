"""Complex arithmetic on storage: what the operators of `unitarygraph.stacked.variables` compute.

An operand is a complex variable, a NumPy array or number, or a plain real tensor; what a plain tensor
of three axes or more is cannot be known, so it is refused unless its shape tells. Results are plain
stacked tensors.
"""

from numbers import Real

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from unitarygraph.core.layout import (
    REAL_DTYPES,
    from_complex,
    from_planes,
    is_complex,
    plane_axis,
)
from unitarygraph.stacked.ops import MatMul, Quotient, multiplied

REMEDIES = (
    "write unitarygraph.as_complex(x) if its axis of length 2 is (real, imaginary), "
    "unitarygraph.complex(x, 0) if it is real"
)


def times(z, x):
    """Storage of z x, entry by entry."""
    real = real_factor("*", z, x)
    if real is None:
        return multiplied(*common("*", z, x))
    a, r = aligned(z.stacked, real)
    return a * r


def over(z, x):
    """Storage of z / x, entry by entry."""
    real = real_factor("/", z, x)
    if real is None:
        return quotient(*common("/", z, x))
    a, r = aligned(z.stacked, real)
    return a / r


def under(z, x):
    """Storage of x / z, entry by entry."""
    a, b = common("/", z, x)
    return quotient(b, a)


def expanded(a, missing):
    """A stacked number or vector with axes of length 1 after the planes' axis."""
    return pt.expand_dims(a, tuple(range(1, 1 + missing))) if missing else a


def aligned(a, r):
    """Stacked a and real r such that the two broadcast as their complex arrays do."""
    missing = min(2, r.type.ndim) - min(2, a.type.ndim - 1)
    return expanded(a, max(0, missing)), between_planes(r)


def between_planes(r):
    """A real array with an axis of length 1 where a stacked one has its planes, if it reaches there."""
    return pt.expand_dims(r, -3) if r.type.ndim > 2 else r


def real_tensor(what, x, dtype):
    """Real tensor variable of x: numbers and integers in ``dtype``, other floats as they are."""
    if isinstance(x, Real) or (not isinstance(x, Variable) and np.ndim(x) == 0):
        return pt.constant(np.asarray(x, dtype or None))
    x = pt.as_tensor_variable(x)
    if x.type.dtype in REAL_DTYPES:
        return x
    if np.dtype(x.type.dtype).kind in "iub" and dtype is not None:
        return x.astype(dtype)
    hint = (
        "; PyTensor has no gradient through its complex dtypes: write unitarygraph.complex(re, im)"
    )
    is_complex_dtype = np.dtype(x.type.dtype).kind == "c"
    raise TypeError(
        f"{what} must be float32 or float64, got dtype {x.type.dtype}{hint * is_complex_dtype}"
    )


def real_factor(operator, z, x):
    """x as a real tensor in z's dtype, None where x is complex; refuses what may be stacked."""
    if is_complex(x):
        return None
    if not isinstance(x, Variable | np.ndarray | np.generic | Real | list | tuple):
        raise TypeError(f"{z} {operator} {x!r}: expected a number, an array or a variable")
    r = real_tensor(f"{operator} of {z}: the other operand", x, z.type.dtype)
    may_be_stacked = r.type.ndim >= 3 or (r.type.ndim == z.type.ndim and r.type.ndim > 0)
    if may_be_stacked and r.type.shape[plane_axis(r.type.ndim)] in (2, None):
        raise TypeError(
            f"{operator} of {z} and the plain tensor {r} of shape {r.type.shape}, which may "
            f"be stacked: {REMEDIES}"
        )
    check_dtypes(operator, z, r)
    return r


def check_dtypes(operator, a, b):
    """Raise TypeError unless both operands have one precision."""
    if a.type.dtype != b.type.dtype:
        raise TypeError(
            f"{operator}: {a} and {b} must have one precision, got {a.type.dtype} and "
            f"{b.type.dtype}; cast one explicitly with astype"
        )


def stacked_operand(operator, z, x):
    """x as stacked storage in z's dtype."""
    if hasattr(x, "stacked"):
        check_dtypes(operator, z, x)
        return x.stacked
    if is_complex(x):
        x = np.asarray(x)
        x = pt.constant(from_complex(x.astype(z.complex_dtype) if x.ndim == 0 else x))
        check_dtypes(operator, z, x)
        return x
    r = real_factor(operator, z, x)
    return from_planes(r, pt.zeros_like(r))


def common(operator, z, x):
    """Storage of both operands, of numbers and vectors with the axes that the other one has."""
    a, b = z.stacked, stacked_operand(operator, z, x)
    rank = min(2, max(a.type.ndim, b.type.ndim) - 1)
    return tuple(expanded(s, rank - min(2, s.type.ndim - 1)) for s in (a, b))


def total(z, x, sign=1):
    """Storage of z + sign x."""
    operator = "+" if sign > 0 else "-"
    real = real_factor(operator, z, x)
    if real is None:
        a, b = common(operator, z, x)
        return a + b if sign > 0 else a - b
    re, im = z.real, z.imag
    re = re + real if sign > 0 else re - real
    if re.type.shape != im.type.shape:
        re, im = pt.broadcast_arrays(re, im)
    return from_planes(re, im)


def quotient(a, b):
    """The quotient of stacked tensors that broadcast, entry by entry."""
    missing = max(0, 3 - a.type.ndim)
    a, b = pt.broadcast_arrays(expanded(a, missing), expanded(b, missing))
    return Quotient()(a, b).squeeze(axis=tuple(range(-2, missing - 2)))


def matrix_product(left, right):
    """Matrix product of two operands, one of them complex."""
    z = left if hasattr(left, "stacked") else right
    if not all(map(array_ndim, (left, right))):
        raise ValueError(f"@: expected matrices or vectors, got {left} and {right}; write *")
    if not (is_complex(left) and is_complex(right)):
        return real_product(z, left, right)
    a, b = (stacked_operand("@", z, side) for side in (left, right))
    rows, columns = a.type.ndim == 2, b.type.ndim == 2
    a = pt.expand_dims(a, -2) if rows else a
    b = pt.expand_dims(b, -1) if columns else b
    return without_axes(MatMul()(a, b), rows, columns)


def array_ndim(x):
    """Number of axes of an operand as an array of its numbers."""
    if hasattr(x, "stacked"):
        return x.complex_ndim
    return x.type.ndim if isinstance(x, Variable) else np.ndim(x)


def real_product(z, left, right):
    """Product with a real matrix or vector, plane by plane."""
    if z is left:
        r = real_factor("@", z, right)
        a = pt.expand_dims(z.stacked, -2) if z.complex_ndim == 1 else z.stacked
        b = r[:, None] if r.type.ndim == 1 else between_planes(r)
        return without_axes(pt.matmul(a, b), z.complex_ndim == 1, r.type.ndim == 1)
    r = real_factor("@", z, left)
    b = pt.expand_dims(z.stacked, -1) if z.complex_ndim == 1 else z.stacked
    a = r[None, :] if r.type.ndim == 1 else between_planes(r)
    return without_axes(pt.matmul(a, b), r.type.ndim == 1, z.complex_ndim == 1)


def without_axes(c, rows, columns):
    """A stacked product without the axes of length 1 that stood for a vector's missing one."""
    axes = (-2,) * rows + (-1,) * columns
    return with_planes_at(c.squeeze(axis=axes), len(axes) - 3) if axes else c


def with_planes_at(c, axis):
    """A stacked tensor from one whose planes stand at another axis, counted from the end."""
    return pt.moveaxis(c, axis, plane_axis(c.type.ndim))
