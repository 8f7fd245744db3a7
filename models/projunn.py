"""projUNN: a unitary matrix updated by rank-k steps."""

from types import MappingProxyType

from unitarygraph.models.recurrent import RecurrentModel
from unitarygraph.nn.initializers import kaiming_normal
from unitarygraph.parametrizations import Point


class ProjUNN(RecurrentModel):
    r"""projUNN: h_t = f(h_{t-1} W + x_t V), W on O(n) or U(n), moved by a rank-k part of its gradient.

    The update is `unitarygraph.updates.projunn`: ``orthogonal.kind`` "D" (nearest orthogonal matrix)
    or "T" (geodesic), ``orthogonal.rank`` k, ``orthogonal.sampler`` "lsi" or "columns", at a rate of
    1/32 of the others'. f is modReLU, or another ``activation``: the paper also has "relu". W starts
    as in expRNN, and so does the rest.

    Source: Kiani, Balestriero, LeCun and Lloyd, "projUNN: efficient method for training deep
    networks with unitary matrices", NeurIPS 2022.
    """

    field: str = "real"
    init: str = "henaff"
    activation: str = "modrelu"

    matrix = Point
    defaults = MappingProxyType(
        {
            "other": {"name": "rmsprop", "learning_rate": 1e-3},
            "orthogonal": {"name": "projunn", "learning_rate": 1e-3 / 32, "rms": True},
        }
    )
    task_defaults = MappingProxyType(
        {
            "copying": MappingProxyType(
                {"other": {"learning_rate": 7e-4}, "orthogonal": {"learning_rate": 7e-4 / 32}}
            )
        }
    )
    unitary = True
    input_init = staticmethod(kaiming_normal)
    readout_init = staticmethod(kaiming_normal)
