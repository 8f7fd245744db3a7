"""Full-capacity uRNN: the recurrent matrix is any unitary one, moved along the manifold."""

from types import MappingProxyType

from unitarygraph.models.recurrent import RecurrentModel
from unitarygraph.nn.initializers import glorot_joined
from unitarygraph.parametrizations import Point


class FullCapacityURNN(RecurrentModel):
    r"""Full-capacity uRNN: the recurrent matrix is a parameter on U(n), or O(n) if real.

    :math:`h_t = \mathrm{modReLU}(h_{t-1} W + x_t V)`, outputs [Re h; Im h] U + c or h U + c.

    Initial values: W of the uRNN's form (``init="urnn"``, published; the real model's is
    Haar-distributed), Haar-distributed ("haar"), or the exponential of a skew-Hermitian matrix
    ("henaff", "cayley": diagonal ones in the complex field), h0, V, U, b and c as the uRNN's.

    Source: Wisdom, Powers, Hershey, Le Roux and Atlas, "Full-capacity unitary recurrent neural
    networks", NIPS 2016. W moves by their Cayley step (`unitarygraph.updates.natural_gradient`, where
    the published rate of 1e-3 is called 2e-3; with ``orthogonal.rms`` along the gradient that RMSprop
    normalized); another rule of `unitarygraph.updates` may be given as ``orthogonal_optimizer``.
    """

    field: str = "complex"
    init: str | None = None
    activation: str = "modrelu"

    matrix = Point
    defaults = MappingProxyType(
        {
            "other": {"name": "rmsprop", "learning_rate": 1e-3, "rho": 0.9},
            "orthogonal": {"name": "natural_gradient", "learning_rate": 2e-3},
        }
    )
    unitary = True
    input_init = staticmethod(glorot_joined)
    learned_start = True

    def __post_init__(self) -> None:
        if self.init is None:
            self.init = "urnn" if self.field == "complex" else "haar"
        super().__post_init__()
