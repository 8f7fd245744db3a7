"""uRNN: the recurrent matrix is a product of phases, reflections and Fourier transforms."""

from types import MappingProxyType

from unitarygraph.models.recurrent import RecurrentModel
from unitarygraph.nn.initializers import glorot_joined
from unitarygraph.parametrizations import FourierReflection


class URNN(RecurrentModel):
    r"""uRNN: h_t = modReLU(h_{t-1} W + x_t V), :math:`W = D_3 R_2 F^{-1} D_2 \Pi R_1 F D_1`.

    Outputs [Re h; Im h] U + c. W has 7n parameters (`unitarygraph.parametrizations.FourierReflection`).
    From its ``structured_from`` units on W is applied factor by factor in each step, below it is
    multiplied out once for all steps.

    Published initial values: phases U(-pi, pi), reflections and U Glorot uniform, V too, as one real
    matrix of 2 n columns, modReLU bias U(-0.01, 0.01), learned h0 U(-s, s) with s^2 = 3 / (2 n), c
    zero. Published training: RMSprop with decay 0.9 at 1e-3 for all parameters alike, batches of 20.

    Source: Arjovsky, Shah and Bengio, "Unitary evolution recurrent neural networks", ICML 2016.
    """

    structured: bool | None = None
    activation: str = "modrelu"

    matrix = FourierReflection
    defaults = MappingProxyType(
        {
            "other": {"name": "rmsprop", "learning_rate": 1e-3, "rho": 0.9},
            "orthogonal": {"learning_rate": 1e-3},
        }
    )
    unitary = True
    input_init = staticmethod(glorot_joined)
    learned_start = True
