"""The unitary discrete Fourier transform of rows."""

import numpy as np
import scipy.fft

from unitarygraph.core.layout import is_complex, storage, to_complex
from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.stacked.typing import Array, M
from unitarygraph.stacked.variables import mark


class DFT(MatrixOp):
    r""":math:`h F` for every row h, :math:`F_{jk} = e^{-2 \pi i jk/n} / \sqrt n`, or :math:`h F^{-1}`.

    ``(..., 2, b, n) -> (..., 2, b, n)``. F is unitary, so the adjoint is the inverse.
    """

    __props__ = ("field", "inverse")
    title = "dft"
    arguments = ("h",)
    signature = "F(b,n)->F(b,n)"
    entrywise = True

    def __init__(self, field="complex", inverse=False):
        if field != "complex":
            raise ValueError(f"dft: field must be 'complex', got {field!r}")
        self.inverse = inverse
        super().__init__(field)

    def compute(self, inputs, outputs):
        if not outputs[0].size:
            return
        transform = scipy.fft.ifft if self.inverse else scipy.fft.fft
        z = transform(to_complex(inputs[0]), norm="ortho", overwrite_x=True)
        np.copyto(outputs[0][..., 0, :, :], z.real)
        np.copyto(outputs[0][..., 1, :, :], z.imag)

    def array(self, xp, h):
        return (xp.ifft if self.inverse else xp.fft)(h, norm="ortho")

    def pullback(self, inputs, outputs, cotangents):
        return [DFT(self.field, not self.inverse)(cotangents[0])]

    def pushforward(self, inputs, outputs, tangents):
        return [self(tangents[0])]


def dft(h: M | Array, inverse: bool = False) -> M:
    r"""Unitary discrete Fourier transform of rows, :math:`h F` with F = DFT/sqrt(n).

    ``(..., 2, b, n) -> (..., 2, b, n)``, stacked, in the dtype of h; a complex variable or NumPy array
    ``(..., b, n)`` gives a complex variable. ``inverse=True`` gives :math:`h F^{-1}`. O(n log n) a row.
    Gradients of any order; NaN makes its row NaN. Raises ValueError for other shapes,
    TypeError for other dtypes.
    """
    transformed = DFT("complex", inverse)(storage(h))
    return mark(transformed) if is_complex(h) else transformed
