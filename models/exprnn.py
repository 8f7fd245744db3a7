"""expRNN: the recurrent matrix is the exponential of a skew-Hermitian one."""

from types import MappingProxyType

import numpy as np

from unitarygraph.models.base import Model
from unitarygraph.nn.initializers import kaiming_normal
from unitarygraph.nn.recurrent import readout, recurrent
from unitarygraph.parametrizations import Exp


class ExpRNN(Model):
    r"""expRNN: the recurrent matrix is the exponential of a skew-Hermitian (real: skew) matrix.

    :math:`h_t = \mathrm{modReLU}(h_{t-1} e^A + x_t V)`, outputs h U + c ([Re h; Im h] if complex).

    Published initial values: A by ``init`` ("henaff", "cayley" or "haar"), V and U Kaiming normal,
    modReLU bias U(-0.01, 0.01), h0 and c zero. The published model is real (SO(n)); ``field=
    "complex"`` is its counterpart over U(n). A learns at a tenth of the others' rate.

    Source: Lezcano-Casado and Martinez-Rubio, "Cheap orthogonal constraints in neural networks",
    ICML 2019.
    """

    defaults = MappingProxyType({"optimizer": "rmsprop", "learning_rate": 1e-3})
    unitary = True

    def __init__(
        self,
        input_size,
        hidden_size,
        output_size,
        field="real",
        init="henaff",
        activation="modrelu",
        rng=0,
        dtype=None,
    ):
        super().__init__(
            input_size,
            hidden_size,
            output_size,
            dtype=dtype,
            field=field,
            init=init,
            activation=activation,
        )
        rng = np.random.default_rng(rng)
        planes = 2 if field == "complex" else 1
        self.parametrization = Exp(hidden_size, init, field, rng, self.dtype, name="A")
        self.params.extend(self.parametrization.params)
        self.kernel = self.add("V", kaiming_normal(rng, (input_size, hidden_size), planes))
        self.modrelu_bias = None
        if activation == "modrelu":
            self.modrelu_bias = self.add("b", rng.uniform(-0.01, 0.01, hidden_size))
        self.weight = self.add("U", kaiming_normal(rng, (planes * hidden_size, output_size)))
        self.bias = self.add("c", np.zeros(output_size))
        self.activation = activation

    def __call__(self, x, mask=None):
        W = self.parametrization()
        states = recurrent(
            x, self.kernel, W, None, self.modrelu_bias, activation=self.activation, mask=mask
        )
        return readout(states, self.weight, self.bias)

    def recurrent_matrix(self):
        """Current W = exp(A)."""
        return self.parametrization.value()

    @property
    def orthogonal_params(self):
        """The skew-Hermitian A."""
        return self.parametrization.params
