r"""One step of each gated recurrence, forward and backward, over any array namespace.

The states' rows are flat where a matrix meets them: of complex ones [Re h, Im h]. Gates are kept as
values, :math:`\sigma(x)` and :math:`\tanh(x)`, which their slopes are functions of.
"""

from functools import reduce
from operator import mul

from unitarygraph.ops.recurrence.complex_activations import slope, value


def step(xp, op, activate, drive, W, U, bias, offset, h, c):
    """New h and c, and what the backward step reads: gates ``(B, blocks, n)``, memory ``(B, n)``.

    ``activate(z, offset)`` is the activation of the candidate.
    """
    return STEPS[op.cell](xp, activate, drive + bias, W, U, offset, h, c)


def step_back(xp, op, given, W, U, offset, h_bar, c_bar):
    """Cotangents of drive, h, c, W, U and offset of one step; ``given`` are its arrays by name.

    Of what a cell does without there is an empty array, its own cotangent.
    """
    return STEPS_BACK[op.cell](xp, op, given, W, U, offset, h_bar, c_bar)


def lstm(xp, activate, drive, W, U, offset, h, c):
    """i, f, g, o in one product; c = f c + i tanh(g), h = o tanh(c)."""
    x = product(xp, h, W) + drive
    i, f, g, o = sigmoid(xp, x[:, 0]), sigmoid(xp, x[:, 1]), xp.tanh(x[:, 2]), sigmoid(xp, x[:, 3])
    c = f * c + i * g
    return o * xp.tanh(c), c, xp.stack([i, f, g, o], 1), c


def lstm_back(xp, op, given, W, U, offset, h_bar, c_bar):
    """Back through `lstm`."""
    i, f, g, o = (given["gates"][:, k] for k in range(4))
    y = xp.tanh(given["memory"])
    o_bar = h_bar * y * (o * (1 - o))
    c_bar = c_bar + h_bar * o * (1 - y * y)
    f_bar = c_bar * given["c_before"] * (f * (1 - f))
    i_bar, g_bar = c_bar * g * (i * (1 - i)), c_bar * i * (1 - g * g)
    drive_bar = xp.stack([i_bar, f_bar, g_bar, o_bar], 1)
    W_bar = gram(xp, given["before"], drive_bar, W)
    return drive_bar, adjoint(xp, drive_bar, W, h_bar), c_bar * f, W_bar, U, offset


def gru(xp, activate, drive, W, U, offset, h, c):
    """h = z h + (1 - z) f((r h) U + drive)."""
    gates = sigmoid(xp, product(xp, h, W) + drive[:, :2])
    r, z = gates[:, 0], gates[:, 1]
    new = activate(product(xp, r * h, U) + drive[:, 2], offset)
    return z * h + (1 - z) * new, c, xp.stack([r, z, new], 1), c


def gru_back(xp, op, given, W, U, offset, h_bar, c_bar):
    """Back through `gru`."""
    h, (r, z, new) = given["before"], (given["gates"][:, k] for k in range(3))
    z_bar = h_bar * (h - new) * (z * (1 - z))
    x_bar = h_bar * (1 - z) * (1 - new * new)
    turned = adjoint(xp, x_bar, U, h)
    r_bar = turned * h * (r * (1 - r))
    gates_bar = xp.stack([r_bar, z_bar], 1)
    before = h_bar * z + turned * r + adjoint(xp, gates_bar, W, h)
    W_bar, U_bar = gram(xp, h, gates_bar, W), gram(xp, r * h, x_bar, U)
    return xp.stack([r_bar, z_bar, x_bar], 1), before, c_bar, W_bar, U_bar, offset


def goru(xp, activate, drive, W, U, offset, h, c):
    """h = z h + (1 - z) f(r (h U) + drive); the memory is h U."""
    gates = sigmoid(xp, product(xp, h, W) + drive[:, :2])
    r, z = gates[:, 0], gates[:, 1]
    turned = product(xp, h, U)
    new = activate(r * turned + drive[:, 2], offset)
    return z * h + (1 - z) * new, c, xp.stack([r, z, new], 1), turned


def goru_back(xp, op, given, W, U, offset, h_bar, c_bar):
    """Back through `goru`."""
    h, (r, z, new) = given["before"], (given["gates"][:, k] for k in range(3))
    z_bar, turned = h_bar * (h - new) * (z * (1 - z)), given["memory"]
    x_bar = xp.where(new == 0, 0, h_bar * (1 - z))
    offset_bar = xp.sum(xp.sign(new) * x_bar, 0)
    gates_bar = xp.stack([x_bar * turned * (r * (1 - r)), z_bar], 1)
    turned_bar = x_bar * r
    before = h_bar * z + adjoint(xp, turned_bar, U, h) + adjoint(xp, gates_bar, W, h)
    W_bar, U_bar = gram(xp, h, gates_bar, W), gram(xp, h, turned_bar, U)
    drive_bar = xp.stack([gates_bar[:, 0], z_bar, x_bar], 1)
    return drive_bar, before, c_bar, W_bar, U_bar, offset_bar


def cgrnn(xp, activate, drive, W, U, offset, h, c):
    """h = z f(q) + (1 - z) h with q = (r h) U + drive, complex; the candidate's gates are q."""
    gates = sigmoid(xp, product(xp, h, W) + drive[:, :2])
    # Axes of length one are made so: PyTensor does not take a slice's for one.
    r, z = gates[:, 0][:, None], gates[:, 1][:, None]
    q = product(xp, r * h, U) + drive[:, 2:]
    new = z * activate(q, offset) + (1 - z) * h
    return new, c, xp.stack([gates[:, 0], gates[:, 1], q[:, 0], q[:, 1]], 1), None


def cgrnn_back(xp, op, given, W, U, offset, h_bar, c_bar):
    """Back through `cgrnn`."""
    h, gates = given["before"], given["gates"]
    r, z, q = gates[:, :1], gates[:, 1:2], gates[:, 2:]
    z_bar = xp.sum(h_bar * (value(xp, op.activation, q, offset) - h), 1) * (z * (1 - z))[:, 0]
    q_bar, along = slope(xp, op.activation, q, offset, h_bar * z)
    turned = adjoint(xp, q_bar, U, h)
    r_bar = xp.sum(turned * h, 1) * (r * (1 - r))[:, 0]
    gates_bar = xp.stack([r_bar, z_bar], 1)
    before = h_bar * (1 - z) + turned * r + adjoint(xp, gates_bar, W, h)
    W_bar, U_bar = gram(xp, h, gates_bar, W), gram(xp, r * h, q_bar, U)
    drive_bar = xp.stack([r_bar, z_bar, q_bar[:, 0], q_bar[:, 1]], 1)
    offset_bar = offset if along is None else xp.sum(along, 0)
    return drive_bar, before, c_bar, W_bar, U_bar, offset_bar


STEPS = {"lstm": lstm, "gru": gru, "goru": goru, "cgrnn": cgrnn}
STEPS_BACK = {"lstm": lstm_back, "gru": gru_back, "goru": goru_back, "cgrnn": cgrnn_back}


def sigmoid(xp, x):
    """Logistic function."""
    return 0.5 * xp.tanh(0.5 * x) + 0.5


def product(xp, h, W):
    """h W for ``(B, n)`` and ``(n, ...)``, or ``(B, 2, n)`` and ``(2, n, ...)``: ``(B, ...)``."""
    rows, columns = split(W, h.ndim - 1)
    result = flat(xp, h) @ xp.reshape(W, (size(rows), size(columns)))
    return xp.reshape(result, (h.shape[0], *columns))


def adjoint(xp, x_bar, W, like):
    """x_bar W^T, of the shape of the states ``like``."""
    rows, columns = split(W, like.ndim - 1)
    result = flat(xp, x_bar) @ xp.reshape(W, (size(rows), size(columns))).T
    return xp.reshape(result, (like.shape[0], *rows))


def gram(xp, h, x_bar, W):
    """h^T x_bar, of the shape of W."""
    return xp.reshape(flat(xp, h).T @ flat(xp, x_bar), W.shape)


def flat(xp, x):
    """All axes but the first as one."""
    return xp.reshape(x, (x.shape[0], size([x.shape[i] for i in range(1, x.ndim)])))


def split(W, count):
    """Lengths of the first axes of a weight, which meet the state, and of the others."""
    lengths = [W.shape[i] for i in range(W.ndim)]
    return lengths[:count], lengths[count:]


def size(lengths):
    """Product of lengths."""
    return reduce(mul, lengths)
