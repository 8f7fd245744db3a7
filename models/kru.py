"""KRU: the recurrent matrix is a Kronecker product of small ones."""

from types import MappingProxyType

from unitarygraph.models.recurrent import RecurrentModel
from unitarygraph.parametrizations import Kronecker


class KRU(RecurrentModel):
    r"""Kronecker recurrent units: h_t = f(h_{t-1} W + x_t V), W = W_1 (x) ... (x) W_F.

    The factors have the size ``factor``, of which hidden_size must be a power, and are held near
    unitary by a penalty of the ``strength`` (``constraint="soft"``), or are exactly unitary
    (``"exp"``, the parameter count of the second is smaller). V and U start Glorot uniform, the
    modReLU bias from U(-0.01, 0.01), c and h_0 at zero.

    Source: Jose, Cisse and Fleuret, "Kronecker recurrent units", ICML 2018.
    """

    defaults = MappingProxyType(
        {"optimizer": "rmsprop", "learning_rate": 1e-3, "orthogonal_learning_rate": 1e-3}
    )

    def __init__(
        self,
        input_size,
        hidden_size,
        output_size,
        *,
        factor: int = 2,
        constraint: str = "soft",
        strength: float = 1e-3,
        field: str = "complex",
        activation: str = "modrelu",
        **common,
    ):
        own = {
            "factor": factor,
            "constraint": constraint,
            "strength": strength,
            "field": field,
            "activation": activation,
        }
        super().__init__(input_size, hidden_size, output_size, **own, **common)

    def make_matrix(self, rng, prefix):
        """Return the Kronecker product."""
        keys = ("constraint", "strength", "field")
        chosen = {key: self.options[key] for key in keys}
        factors = self.options["factor"]
        return Kronecker(
            self.hidden_size, factors, rng=rng, dtype=self.dtype, name=f"{prefix}W", **chosen
        )
