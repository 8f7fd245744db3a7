"""dtriv: exponentials around a base point that moves."""

from types import MappingProxyType

from unitarygraph.models.recurrent import RecurrentModel
from unitarygraph.nn.initializers import kaiming_normal
from unitarygraph.parametrizations import DynamicTrivialization


class DynamicTrivializationRNN(RecurrentModel):
    r"""dtriv: h_t = modReLU(h_{t-1} W + x_t V), W = B exp(A), where B takes in A every ``K`` steps.

    ``K = 1`` is Riemannian gradient descent, ``K = inf`` expRNN; every ``M`` moves B is made exactly
    orthogonal again. ``map="cayley"`` has the Cayley transform in the place of the exponential. All
    else as in expRNN.

    Source: Lezcano-Casado, "Trivializations for gradient-based optimization on manifolds", NeurIPS
    2019.
    """

    K: int | float = 100
    M: int | float = 100
    map: str = "exp"
    field: str = "real"
    init: str = "henaff"
    activation: str = "modrelu"

    matrix = DynamicTrivialization
    matrix_name = "A"
    defaults = MappingProxyType({"other": {"name": "rmsprop", "learning_rate": 1e-3}})
    task_defaults = MappingProxyType(
        {"copying": MappingProxyType({"M": 30, "other": {"learning_rate": 5e-4}})}
    )
    unitary = True
    input_init = staticmethod(kaiming_normal)
    readout_init = staticmethod(kaiming_normal)
