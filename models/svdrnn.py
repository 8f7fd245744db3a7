"""Spectral-RNN: the singular values of the recurrent matrix stay near 1."""

from types import MappingProxyType

from unitarygraph.models.recurrent import RecurrentModel
from unitarygraph.parametrizations import SVD


class SVDRNN(RecurrentModel):
    r"""Spectral-RNN: h_t = f(h_{t-1} W + x_t V), W = U diag(s) V^T with s within 1 +- ``margin``.

    U and V are products of ``reflections`` Householder reflections, by default n; the published code
    takes a quarter. f is leaky ReLU, or another ``activation``. V and the readout start Glorot
    uniform, biases and h_0 at zero.

    Source: Zhang, Lei and Dhillon, "Stabilizing gradients for deep neural networks via efficient SVD
    parameterization", ICML 2018; trained by Adam.
    """

    reflections: int | None = None
    margin: float = 0.01
    field: str = "real"
    activation: str = "leaky_relu"

    matrix = SVD
    defaults = MappingProxyType(
        {"other": {"name": "adam", "learning_rate": 1e-3}, "orthogonal": {"learning_rate": 1e-3}}
    )
    bias_range = 0.0
