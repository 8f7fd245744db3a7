"""oRNN: the recurrent matrix is a product of Householder reflections."""

from types import MappingProxyType

from unitarygraph.models.recurrent import RecurrentModel
from unitarygraph.parametrizations import Householder


class ORNN(RecurrentModel):
    r"""oRNN: h_t = f(h_{t-1} W + x_t V), W a product of ``reflections`` Householder reflections.

    By default n of them, which reach every orthogonal matrix of one determinant; fewer cost less. f
    is leaky ReLU with slope 0.1 and an additive bias, as published, or another ``activation``. V and
    U start Glorot uniform, biases at zero, a learned h_0 from U(-s, s) with s^2 = 3 / (2 n).

    Source: Mhammedi, Hellicar, Rahman and Bailey, "Efficient orthogonal parametrisation of recurrent
    neural networks using Householder reflections", ICML 2017. The paper is real; ``field="complex"``
    is the counterpart with trained phases.
    """

    reflections: int | None = None
    field: str = "real"
    activation: str = "leaky_relu"

    matrix = Householder
    defaults = MappingProxyType(
        {"other": {"name": "adam", "learning_rate": 1e-3}, "orthogonal": {"learning_rate": 1e-3}}
    )
    unitary = True
    bias_range = 0.0
    learned_start = True
