"""CDOpt RNN: constraint dissolving in the place of an orthogonal matrix."""

from types import MappingProxyType

from unitarygraph.models.recurrent import RecurrentModel
from unitarygraph.parametrizations import Dissolved


class CDOptRNN(RecurrentModel):
    r"""h_t = f(h_{t-1} W + x_t V), W = X (3/2 I - 1/2 X^T X), X free with a penalty.

    The penalty, ``strength`` ||X^T X - I||_F^2, keeps X near the orthogonal matrices, where W is one
    up to a square of X's deviation: nearly, never exactly. f is tanh with an additive bias, as
    published, or another ``activation``. X starts by ``init`` ("haar", "henaff", "cayley",
    "identity"), V and U Glorot uniform, b, c and h_0 at zero.

    Source: Xiao, Hu, Liu and Toh, CDOpt; its tutorial reads MNIST by rows with 150 units, Adam at
    5e-4 and strength 0.2.
    """

    strength: float = 0.2
    init: str = "haar"
    field: str = "real"
    activation: str = "tanh"

    matrix = Dissolved
    matrix_name = "X"
    defaults = MappingProxyType({"other": {"name": "adam", "learning_rate": 5e-4}})
    bias_range = 0.0
