"""EURNN: the recurrent matrix is layers of Givens rotations."""

from types import MappingProxyType

from unitarygraph.models.recurrent import RecurrentModel
from unitarygraph.nn.initializers import uniform
from unitarygraph.parametrizations import Givens


class EURNN(RecurrentModel):
    r"""EURNN: h_t = modReLU(h_{t-1} W + x_t V), W layers of rotations of pairs and phases.

    Outputs [Re h; Im h] U + c. W (`unitarygraph.parametrizations.Givens`) has ``capacity`` layers that
    rotate neighbors (``style="tunable"``; hidden_size of them reach all of U(n)) or log2 n layers of
    butterflies (``"fft"``, hidden_size a power of 2). Where that is faster, they are applied in each
    step in the place of W.

    Published initial values: all angles U(-pi, pi), V uniform in +-0.01, U Glorot uniform, the modReLU
    bias, c and h_0 zero. Published training: RMSprop with decay 0.9 at 1e-3 for all parameters alike,
    batches of 128. ``field="real"`` has rotations without phases.

    Source: Jing, Shen, Dubcek, Peurifoy, Skirlo, LeCun, Tegmark and Soljacic, "Tunable efficient
    unitary neural networks (EUNN) and their application to RNNs", ICML 2017.
    """

    capacity: int = 2
    style: str = "tunable"
    field: str = "complex"
    structured: bool | None = None
    activation: str = "modrelu"

    matrix = Givens
    defaults = MappingProxyType(
        {
            "other": {"name": "rmsprop", "learning_rate": 1e-3, "rho": 0.9},
            "orthogonal": {"learning_rate": 1e-3},
        }
    )
    unitary = True
    input_init = staticmethod(uniform(0.01))
    bias_range = 0.0
