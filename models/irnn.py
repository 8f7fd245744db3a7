"""IRNN: rectified linear units that start from the identity, a baseline."""

from types import MappingProxyType

from unitarygraph.models.recurrent import RecurrentModel
from unitarygraph.parametrizations import Point


class IRNN(RecurrentModel):
    r"""h_t = max(h_{t-1} W + x_t V + b, 0), y_t = h_t U + c, W the identity at first.

    W is trained freely; V starts from N(0, 0.001^2), U Glorot uniform, b, c and h_0 at zero. The norm
    of all gradients together is clipped at 1, as the uRNN's authors did for this baseline. The rate
    is low: at 1e-3 the states of 220 steps overflow at the second training step.

    Source: Le, Jaitly and Hinton, "A simple way to initialize recurrent networks of rectified linear
    units", 2015.
    """

    init: str = "identity"
    activation = "relu"

    matrix = Point
    matrix_options = MappingProxyType({"free": True, "field": "real"})
    defaults = MappingProxyType(
        {"other": {"name": "rmsprop", "learning_rate": 1e-4, "rho": 0.9}, "clip": 1.0}
    )
    bias_range = 0.0

    @staticmethod
    def input_init(rng, shape, planes=1):
        """Draw V from N(0, 0.001^2)."""
        return rng.normal(scale=1e-3, size=shape)
