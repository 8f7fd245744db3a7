"""Complex quantities as real tensors: layout, conversion and algebra.

>>> import numpy as np
>>> from unitarygraph import stacked
>>> z = np.array([[1 + 2j, 3j], [0.5, -1j]])
>>> stacked.from_complex(z).shape
(2, 2, 2)
>>> bool((stacked.to_complex(stacked.from_complex(z)) == z).all())
True
"""

from unitarygraph.core.layout import from_complex, matrix, to_complex
from unitarygraph.stacked import left_operands, view_rewrites  # noqa: F401  (importing registers)
from unitarygraph.stacked.functions import (
    abs,
    angle,
    block,
    concatenate,
    conj,
    div,
    eye,
    hconj,
    hermitian,
    imag,
    inner,
    matmul,
    mul,
    norm,
    real,
    skew_hermitian,
    solve,
    stack,
    trace,
    zeros,
)

__all__ = [
    "abs",
    "angle",
    "block",
    "concatenate",
    "conj",
    "div",
    "eye",
    "from_complex",
    "hconj",
    "hermitian",
    "imag",
    "inner",
    "matmul",
    "matrix",
    "mul",
    "norm",
    "real",
    "skew_hermitian",
    "solve",
    "stack",
    "to_complex",
    "trace",
    "zeros",
]
