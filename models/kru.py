"""KRU: the recurrent matrix is a Kronecker product of small ones."""

from types import MappingProxyType

from unitarygraph.models.recurrent import RecurrentModel
from unitarygraph.parametrizations import Kronecker


class KRU(RecurrentModel):
    r"""Kronecker recurrent units: h_t = f(h_{t-1} W + x_t V), W = W_1 (x) ... (x) W_F.

    The factors have the size ``factors``, of which hidden_size must be a power, and are held near
    unitary by a penalty of the ``strength`` (``constraint="soft"``), or are exactly unitary
    (``"exp"``, the parameter count of the second is smaller). V and U start Glorot uniform, the
    modReLU bias from U(-0.01, 0.01), c and h_0 at zero.

    The factors are trained at a tenth of the rate. That is ours: at one rate for all, RMSprop's first
    step takes W so far from unitary that the states of 200 steps grow without bound.

    Source: Jose, Cisse and Fleuret, "Kronecker recurrent units", ICML 2018.
    """

    factors: int = 2
    constraint: str = "soft"
    strength: float = 1e-3
    field: str = "complex"
    activation: str = "modrelu"

    matrix = Kronecker
    defaults = MappingProxyType(
        {"other": {"name": "rmsprop", "learning_rate": 1e-3}, "orthogonal": {"learning_rate": 1e-4}}
    )
