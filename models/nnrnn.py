"""nnRNN: a recurrent matrix with unit eigenvalues that need not be normal."""

from types import MappingProxyType

from unitarygraph.models.recurrent import RecurrentModel
from unitarygraph.nn.initializers import kaiming_normal
from unitarygraph.parametrizations import NonNormal


class NnRNN(RecurrentModel):
    r"""nnRNN: h_t = modReLU(h_{t-1} W + x_t V), W = P (Lambda + T) P^T, a Schur form with free T.

    P = exp(A) is orthogonal; Lambda has 2 x 2 rotations scaled by gamma, which a penalty of strength
    ``delta`` holds near 1; T is strictly upper triangular, with weight decay ``t_decay``. At first W
    is orthogonal. ``published=True`` trains T within the blocks as the authors' code does. V and U
    start Kaiming normal, the modReLU bias from U(-0.01, 0.01), c and h_0 at zero.

    Source: Kerg et al., "Non-normal recurrent neural network (nnRNN): learning long time
    dependencies while improving expressivity with transient dynamics", NeurIPS 2019; the rates and
    delta are those of its copying task.
    """

    init: str = "cayley"
    published: bool = False
    delta: float = 1e-4
    t_decay: float = 1e-6
    field: str = "real"
    activation: str = "modrelu"

    matrix = NonNormal
    defaults = MappingProxyType(
        {"other": {"name": "rmsprop", "learning_rate": 5e-4}, "orthogonal": {"learning_rate": 1e-6}}
    )
    input_init = staticmethod(kaiming_normal)
    readout_init = staticmethod(kaiming_normal)
