"""expRNN: the recurrent matrix is the exponential of a skew-Hermitian one."""

from types import MappingProxyType

from unitarygraph.models.recurrent import RecurrentModel
from unitarygraph.nn.initializers import kaiming_normal
from unitarygraph.parametrizations import Exp


class ExpRNN(RecurrentModel):
    r"""expRNN: the recurrent matrix is the exponential of a skew-Hermitian (real: skew) matrix.

    :math:`h_t = \mathrm{modReLU}(h_{t-1} e^A + x_t V)`, outputs h U + c ([Re h; Im h] if complex).

    Published initial values: A by ``init`` ("henaff", "cayley" or "haar"), V and U Kaiming normal,
    modReLU bias U(-0.01, 0.01), h0 and c zero. The published model is real (SO(n)); ``field=
    "complex"`` is its counterpart over U(n). A learns at a tenth of the others' rate. Published rates
    are 2e-4 for copying over 1000 steps and more, with 190 units and 4000 training steps, and 3e-4 to
    1e-3 for the pixels of MNIST; ours for copying, 5e-4, needs fewer.

    Source: Lezcano-Casado and Martinez-Rubio, "Cheap orthogonal constraints in neural networks",
    ICML 2019.
    """

    field: str = "real"
    init: str = "henaff"
    activation: str = "modrelu"

    matrix = Exp
    matrix_name = "A"
    defaults = MappingProxyType({"other": {"name": "rmsprop", "learning_rate": 1e-3}})
    task_defaults = MappingProxyType(
        {
            "copying": MappingProxyType({"other": {"learning_rate": 5e-4}}),
            "digits": MappingProxyType(
                {"other": {"learning_rate": 5e-4}, "orthogonal": {"learning_rate": 1e-4}}
            ),
        }
    )
    unitary = True
    input_init = staticmethod(kaiming_normal)
    readout_init = staticmethod(kaiming_normal)
