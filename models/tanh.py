"""The simple recurrent network with tanh (Elman 1990), a baseline."""

from types import MappingProxyType

from unitarygraph.models.recurrent import RecurrentModel
from unitarygraph.parametrizations import Point


class TanhRNN(RecurrentModel):
    r"""h_t = tanh(h_{t-1} W + x_t V + b), y_t = h_t U + c.

    W starts Haar-orthogonal (``init``: "haar", "henaff", "cayley", "identity") and is trained
    freely; V and U start Glorot uniform, b, c and h_0 at zero. The norm of all
    gradients together is clipped at 1, as the uRNN's authors did for this baseline.

    Source: Elman, "Finding structure in time", 1990.
    """

    init: str = "haar"
    activation = "tanh"

    matrix = Point
    matrix_options = MappingProxyType({"free": True, "field": "real"})
    defaults = MappingProxyType({"other": {"name": "rmsprop", "learning_rate": 1e-3}, "clip": 1.0})
    bias_range = 0.0
