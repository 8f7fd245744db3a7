"""Complex gated RNN: complex gates around a unitary matrix."""

from types import MappingProxyType

import numpy as np

from unitarygraph.models.recurrent import RecurrentModel
from unitarygraph.nn.cell import Cell
from unitarygraph.nn.cgrnn_cell import CGRNNCell
from unitarygraph.parametrizations import Point


class CGRNN(RecurrentModel):
    r"""Gates of complex numbers around a unitary matrix (`unitarygraph.nn.CGRNNCell`).

    .. math:: h_t = z \circ f((r \circ h_{t-1}) W + x_t V + b) + (1 - z) \circ h_{t-1}

    with real gates :math:`\sigma(\alpha \mathrm{Re}\,p + (1 - \alpha)\,\mathrm{Im}\,p)` of two complex
    pre-activations p = h W_g + x V_g + b_g, or the logistic functions of the real and the imaginary
    part of one (``gates=1``); f is modReLU or Hirose's (``activation="hirose"``); outputs
    [Re h; Im h] U + c. W is a parameter on U(n), at first a random one of the uRNN's form
    (``init="urnn"``, published; or "haar", "henaff", "cayley", "identity"). V, V_g, W_g and U start
    Glorot uniform, b_g at `gate_bias` in both planes (gates open), other biases and the first state
    at zero.

    Training is the published code's: RMSprop, 1e-3, decay 0.9, and the same rate for the Cayley steps
    of W; it clips gradients, each number to [-1, 1], where here their norm is clipped at 1.

    Source: Wolter and Yao, "Complex gated recurrent neural networks", NeurIPS 2018.
    """

    gates: int = 2
    activation: str = "modrelu"
    init: str = "urnn"
    gate_bias: float = 4.0
    train_mixture: bool = True

    matrix = Point
    # as_published for the length of its step, twice the gradient times the rate.
    defaults = MappingProxyType(
        {
            "other": {"name": "rmsprop", "learning_rate": 1e-3, "rho": 0.9},
            "orthogonal": {"name": "natural_gradient", "learning_rate": 1e-3, "as_published": True},
            "clip": 1.0,
        }
    )
    unitary = True

    def make_cell(
        self, input_size: int, rng: np.random.Generator, prefix: str, complex_input: bool
    ) -> Cell:
        """Return a `CGRNNCell`."""
        keys = ("gates", "activation", "gate_bias", "train_mixture")
        return CGRNNCell(
            self.make_matrix(rng, prefix),
            input_size,
            **{key: getattr(self, key) for key in keys},
            complex_input=complex_input,
            rng=rng,
            prefix=prefix,
        )
