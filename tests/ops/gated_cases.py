"""Cases of the gated recurrences, their values, graphs, and definitions in NumPy."""

import numpy as np
import pytensor.tensor as pt

from unitarygraph.ops.recurrence import GatedRecurrence

# Cell, activation, whether masked.
CASES = [
    ("lstm", "tanh", False),
    ("lstm", "tanh", True),
    ("gru", "tanh", False),
    ("gru", "tanh", True),
    ("goru", "modrelu", False),
    ("goru", "modrelu", True),
    ("cgrnn", "modrelu", True),
    ("cgrnn", "hirose", False),
    ("cgrnn", "cardioid", True),
    ("cgrnn", "tanh", False),
    ("cgrnn", "zrelu", False),
    ("cgrnn", "leaky_relu", False),
    ("cgrnn", "crelu", False),
    ("cgrnn", "relu", True),
    ("cgrnn", "identity", True),
]


def named(case):
    """A case as test ids print it."""
    cell, activation, masked = case
    return f"{cell}-{activation}-{'masked' if masked else 'full'}"


def values(case, dtype="float64", T=5, B=3, n=4, seed=0):
    """Arrays of the Op's inputs; absent ones are empty."""
    op, rng = GatedRecurrence(*case), np.random.default_rng(seed)
    sizes = {"T": T, "B": B, "n": n}
    arrays = []
    for name, axes in op.axes_in.items():
        shape = tuple(0 if name in op.absent else sizes.get(axis, axis) for axis in axes)
        if name == "mask":
            arrays.append(rng.random(shape) < 0.6)
        elif name == "offset" and case[1] == "hirose":
            arrays.append(rng.uniform(0.7, 1.3, shape).astype(dtype))
        else:
            # Weights that neither forget nor let rounding grow, whatever n.
            scale = 0.8 / np.sqrt(op.kind.planes * max(n, 1)) if name in "WU" else 1
            arrays.append((scale * rng.standard_normal(shape)).astype(dtype))
    return arrays


def variables(case, dtype="float64"):
    """Symbols of the Op's inputs, of unknown shape."""
    return {
        name: pt.tensor(name, dtype="bool" if name == "mask" else dtype, shape=(None,) * len(axes))
        for name, axes in GatedRecurrence(*case).axes_in.items()
    }


def graph(case, dtype="float64"):
    """Inputs; states, and the gradients of a loss in the inputs that there are."""
    op, given = GatedRecurrence(*case), variables(case, dtype)
    states = op(*given.values())[0]
    cost = pt.sum(states * pt.cos(states))
    return list(given.values()), [
        states,
        *pt.grad(cost, [given[name] for name in op.differentiable]),
    ]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def of_each_part(f):
    return lambda z, b: f(z.real) + 1j * f(z.imag)


COMPLEX = {
    "modrelu": lambda z, b: z * np.maximum(1 + b / np.sqrt(abs(z) ** 2 + 1e-5), 0),
    "hirose": lambda z, m: np.tanh(abs(z) / m**2) * np.exp(1j * np.angle(z)),
    "cardioid": lambda z, b: z * (1 + np.cos(np.angle(z))) / 2,
    "zrelu": lambda z, b: z * ((z.real >= 0) & (z.imag >= 0)),
    "tanh": of_each_part(np.tanh),
    "relu": of_each_part(lambda x: np.maximum(x, 0)),
    "crelu": of_each_part(lambda x: np.maximum(x, 0)),
    "leaky_relu": of_each_part(lambda x: np.maximum(x, x / 10)),
    "identity": lambda z, b: z,
}


def loop(case, drive, W, U, bias, offset, h0, c0, mask):
    """All states, by the formulas of the papers, in complex numbers where states are."""
    cell, activation, masked = case
    h, c, states = h0, c0, []
    for t in range(len(drive)):
        x = drive[t] + bias
        if cell == "lstm":
            i, f, g, o = np.moveaxis(np.tensordot(h, W, 1) + x, 1, 0)
            new_c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            new = sigmoid(o) * np.tanh(new_c)
        else:
            new_c = c
            r, z = np.moveaxis(sigmoid(np.tensordot(h, W, h.ndim - 1) + x[:, :2]), 1, 0)
            if cell == "gru":
                new = z * h + (1 - z) * np.tanh((r * h) @ U + x[:, 2])
            elif cell == "goru":
                q = r * (h @ U) + x[:, 2]
                new = z * h + (1 - z) * np.sign(q) * np.maximum(np.abs(q) + offset, 0)
            else:
                r, z = r[:, None], z[:, None]
                q = np.tensordot(r * h, U, 2) + x[:, 2:]
                f = COMPLEX[activation](q[:, 0] + 1j * q[:, 1], offset)
                new = z * np.stack([f.real, f.imag], 1) + (1 - z) * h
        keep = mask[t] if masked else np.ones(len(h), bool)
        h = np.where(keep[(..., *(None,) * (h.ndim - 1))], new, h)
        c = np.where(keep[:, None], new_c, c) if cell == "lstm" else c
        states.append(h)
    return np.array(states)
