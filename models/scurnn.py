"""scuRNN: the recurrent matrix is a complex scaled Cayley transform."""

from types import MappingProxyType

from unitarygraph.models.recurrent import RecurrentModel
from unitarygraph.nn.initializers import glorot_joined
from unitarygraph.parametrizations import ScaledCayley


class ScuRNN(RecurrentModel):
    r"""scuRNN: h_t = modReLU(h_{t-1} W + x_t V), W = (I + A)^{-1} (I - A) D, D = diag(e^{i theta}).

    A is skew-Hermitian and theta trained with it. Published initial values: A of real 2 x 2 blocks
    (``init="cayley_blocks"``; others are "cayley", "henaff", diagonal ones, and "haar"), theta
    U(0, 2 pi), U Glorot uniform, V too, as one real matrix of 2 n columns, the modReLU bias and a
    learned h_0 U(-0.01, 0.01), c zero.

    Source: Maduranga, Helfrich and Ye, "Complex unitary recurrent neural networks using scaled
    Cayley transform", AAAI 2019. A learns by RMSprop, theta by Adagrad, the rest by Adam.
    """

    init: str = "cayley_blocks"

    matrix = ScaledCayley
    matrix_name = "A"
    matrix_options = MappingProxyType({"field": "complex"})
    defaults = MappingProxyType(
        {
            "other": {"name": "adam", "learning_rate": 1e-3},
            "orthogonal": {"name": "rmsprop", "learning_rate": 1e-4, "rho": 0.9},
            "phase": {"name": "adagrad", "learning_rate": 1e-3},
        }
    )
    unitary = True
    input_init = staticmethod(glorot_joined)
    learned_start = 0.01
