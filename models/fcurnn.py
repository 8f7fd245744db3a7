"""Full-capacity uRNN: the recurrent matrix is any unitary one, moved along the manifold."""

from types import MappingProxyType

import numpy as np

from unitarygraph.fields import algebra
from unitarygraph.manifolds import Unitary
from unitarygraph.models.base import Model
from unitarygraph.nn.initializers import glorot_uniform, haar, skew_initializer
from unitarygraph.nn.recurrent import readout, recurrent
from unitarygraph.ops.expm_skew import skew_exponential


class FullCapacityURNN(Model):
    r"""Full-capacity uRNN: the recurrent matrix is a parameter on U(n), or O(n) if real.

    :math:`h_t = \mathrm{modReLU}(h_{t-1} W + x_t V)`, outputs [Re h; Im h] U + c or h U + c.

    Initial values: W Haar-distributed (``init="haar"``) or the exponential of a skew-Hermitian
    matrix ("henaff", "cayley"), V and U Glorot uniform, modReLU bias U(-0.01, 0.01), learned h0
    U(-s, s) with s^2 = 3 / (2 n), c zero. The published h0, V, U and b are the uRNN's.

    Source: Wisdom, Powers, Hershey, Le Roux and Atlas, "Full-capacity unitary recurrent neural
    networks", NIPS 2016. Its update of W is a Cayley step; here W takes any rule of
    `unitarygraph.updates` and any retraction.
    """

    defaults = MappingProxyType({"optimizer": "rmsprop", "learning_rate": 1e-3})
    unitary = True

    def __init__(
        self,
        input_size,
        hidden_size,
        output_size,
        field="complex",
        init="henaff",
        rng=0,
        dtype=None,
    ):
        super().__init__(input_size, hidden_size, output_size, dtype=dtype, field=field, init=init)
        rng = np.random.default_rng(rng)
        planes = 2 if field == "complex" else 1
        if init == "haar":
            w = haar(rng, hidden_size, field)
        else:
            skew = skew_initializer(init)(rng, hidden_size, field)
            w = skew_exponential(skew)[0]
        lead = (planes,) if field == "complex" else ()
        scale = np.sqrt(3 / (2 * hidden_size))
        kernel = [glorot_uniform(rng, (input_size, hidden_size)) for _ in range(planes)]
        matrices = algebra(field)
        self.matrix = self.add("W", matrices.from_numpy(w), Unitary(field=field))
        self.kernel = self.add("V", np.stack(kernel) if lead else kernel[0])
        self.h0 = self.add("h0", rng.uniform(-scale, scale, (*lead, hidden_size)))
        self.modrelu_bias = self.add("b", rng.uniform(-0.01, 0.01, hidden_size))
        self.weight = self.add("U", glorot_uniform(rng, (planes * hidden_size, output_size)))
        self.bias = self.add("c", np.zeros(output_size))

    def __call__(self, x, mask=None):
        states = recurrent(x, self.kernel, self.matrix, self.h0, self.modrelu_bias, mask=mask)
        return readout(states, self.weight, self.bias)

    def recurrent_matrix(self):
        """Current W."""
        return algebra(self.options["field"]).to_numpy(np.array(self.matrix.get_value()))

    @property
    def orthogonal_params(self):
        """The unitary W."""
        return [self.matrix]
