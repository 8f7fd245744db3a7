"""scoRNN: the recurrent matrix is a scaled Cayley transform."""

from types import MappingProxyType

from unitarygraph.models.recurrent import RecurrentModel
from unitarygraph.nn.initializers import uniform
from unitarygraph.parametrizations import ScaledCayley


class ScoRNN(RecurrentModel):
    r"""scoRNN: h_t = modReLU(h_{t-1} W + x_t V), W = (I + A)^{-1} (I - A) D, A skew, D of signs.

    ``rho`` entries of D are -1, by default half of them; it is a setting of the task, published
    between n/10 (pixel MNIST) and n/2. A starts with blocks of the angles of ``init`` ("cayley",
    "henaff", "haar"), V uniform in +-0.01, U Glorot uniform, the modReLU bias, c and h_0 at zero.

    Source: Helfrich, Willmott and Ye, "Orthogonal recurrent neural networks with scaled Cayley
    transform", ICML 2018. RMSprop, at a tenth of the others' rate for A.
    """

    rho: int | None = None
    init: str = "cayley"

    matrix = ScaledCayley
    matrix_name = "A"
    matrix_options = MappingProxyType({"field": "real"})
    defaults = MappingProxyType(
        {
            "other": {"name": "rmsprop", "learning_rate": 1e-3, "rho": 0.9},
            "orthogonal": {"learning_rate": 1e-4},
        }
    )
    unitary = True
    bias_range = 0.0
    input_init = staticmethod(uniform(0.01))
