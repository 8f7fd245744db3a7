# ruff: noqa: F401 (the names are for the Ops)
"""What `MatrixOp.array` computes with on PyTorch: ``torch``, and what JAX calls otherwise or has alone.

A name that is not here is that of ``torch``, so an Op may use whatever the two libraries share.
"""

import torch
from torch import cat as concatenate
from torch import conj_physical as conj  # `torch.conj` is lazy, and lost where compiled code calls
from torch import exp2 as power_of_two
from torch.fft import fft, ifft
from torch.linalg import diagonal, eigh, qr, slogdet


def __getattr__(name):
    value = getattr(torch, name)
    # The next look-up is a plain one: this one takes a microsecond. What the functions below need of
    # Python itself stays Python's.
    if name not in ("int", "range"):
        globals()[name] = value
    return value


def imag(x):
    """Imaginary part, zero of a real array."""
    return torch.imag(x) if torch.is_complex(x) else torch.zeros_like(x)


def sign(x):
    """Sign; NaN stays NaN."""
    return torch.where(torch.isnan(x), x, torch.sign(x))


def zeros(shape, like):
    """Zeros of another array's dtype."""
    return like.new_zeros(shape)


def arange(stop, like):
    """Whole numbers below ``stop`` in another array's dtype."""
    return torch.arange(stop, dtype=like.dtype, device=like.device)


def eye_like(a):
    """Identity matrix of the columns of ``a``, in its dtype."""
    return torch.eye(a.shape[-1], dtype=a.dtype, device=a.device)


def as_type_of(x, a):
    """``x`` in the dtype of ``a``."""
    return x.to(a.dtype)


def dtype_name(x):
    """``"float32"`` or ``"float64"``."""
    return str(x.dtype).removeprefix("torch.")


def eps(x):
    """Machine epsilon of an array's dtype."""
    return torch.finfo(x.dtype).eps


def first_true(condition, axis):
    """Index of the first True along an axis."""
    return torch.argmax(condition.to(torch.uint8), axis)


def lu_factor(a):
    """LU decomposition; a singular matrix gives infinities or NaN when it is solved with."""
    factors, pivots, _ = torch.linalg.lu_factor_ex(a)
    return factors, pivots


def lu_solve(lu, b):
    """Solution of the linear systems with a decomposed matrix."""
    return torch.linalg.lu_solve(*lu, b)


def svd(a):
    """Thin singular value decomposition."""
    return torch.linalg.svd(a, full_matrices=False)


def eigenvectors(a):
    """Eigenvectors of any square matrices, complex."""
    return torch.linalg.eig(a)[1]


def repeat(count, body, state):
    """``body(i, state)`` for i = 0 ... count - 1."""
    for i in range(int(count)):
        state = body(i, state)
    return state


def scan(step, start, sequences, reverse=False):
    """``step(carry, slices) -> carry, results`` along the first axis; results are stacked."""
    length, carry, results = len(sequences[0]), start, []
    if not length:
        _, shapes = step(start, [x.new_zeros(x.shape[1:]) for x in sequences])
        return start, _each(lambda x: x[None][:0], shapes)
    for t in reversed(range(length)) if reverse else range(length):
        carry, result = step(carry, [x[t] for x in sequences])
        results.append(result)
    if reverse:
        results.reverse()
    if isinstance(results[0], tuple):
        return carry, tuple(torch.stack(column) for column in zip(*results, strict=True))
    return carry, torch.stack(results)


def _each(function, results):
    return tuple(map(function, results)) if isinstance(results, tuple) else function(results)
