"""Cases of the recurrence of rotations, their values, graphs, and its definition in NumPy."""

import numpy as np
import pytensor.tensor as pt

from unitarygraph.ops.recurrence import RotationRecurrence

# Field, activation, whether masked, style of the layers, place of the phases: what compiles two pairs of
# kernels, and what compiles more.
QUICK = [
    ("complex", "modrelu", True, "tunable", "last"),
    ("complex", "modrelu", False, "fft", "first"),
    ("real", "modrelu", True, "tunable", "last"),
    ("real", "modrelu", False, "fft", "last"),
]
CASES = [
    *QUICK,
    ("complex", "relu", True, "tunable", "first"),
    ("complex", "tanh", False, "fft", "last"),
    ("complex", "identity", True, "tunable", "last"),
    ("real", "leaky_relu", True, "fft", "last"),
    ("real", "tanh", True, "tunable", "last"),
]


def named(case):
    """A case as test ids print it."""
    field, activation, masked, style, diagonal = case
    return f"{field}-{activation}-{'masked' if masked else 'full'}-{style}-{diagonal}"


def values(case, dtype="float64", T=5, B=3, n=4, L=3, seed=0):
    """Arrays of the Op's inputs, absent ones empty; L as the FFT form has it."""
    op, rng = RotationRecurrence(*case), np.random.default_rng(seed)
    if op.style == "fft":
        L = max(n, 1).bit_length() - 1
    sizes = {"T": T, "B": B, "n": n, "L": L, "p": n // 2}
    arrays = []
    for name, axes in op.axes_in.items():
        shape = tuple(0 if name in op.absent else sizes.get(axis, axis) for axis in axes)
        if name == "mask":
            arrays.append(rng.random(shape) < 0.6)
        else:
            # The bias leaves dead and living units.
            scale = {"bias": 0.5, "drive": 0.7}.get(name, 1)
            arrays.append((scale * rng.standard_normal(shape)).astype(dtype))
    return arrays


def variables(case, dtype="float64", static=None):
    """Symbols of the Op's inputs, of unknown shape or that of given arrays."""
    axes = RotationRecurrence(*case).axes_in
    shapes = [x.shape for x in static] if static else [(None,) * len(a) for a in axes.values()]
    return {
        name: pt.tensor(name, dtype="bool" if name == "mask" else dtype, shape=shape)
        for name, shape in zip(axes, shapes, strict=True)
    }


def graph(case, dtype="float64"):
    """Symbols, and the states and gradients of a function of them."""
    op, v = RotationRecurrence(*case), variables(case, dtype)
    states = op(*v.values())[0]
    wrt = [v[name] for name in op.differentiable]
    return list(v.values()), [states, *pt.grad(pt.sum(states * pt.cos(states)), wrt)]


def matrix(case, theta, phi, omega, n):
    """F_1 ... F_L D, or D first, as a matrix: pair by pair."""
    field, _, _, style, diagonal = case
    W = np.eye(n, dtype=complex)
    D = np.diag(np.exp(1j * omega)) if field == "complex" else np.eye(n)
    for layer in range(len(theta)):
        F = np.eye(n, dtype=complex)
        if style == "fft":
            d = n >> (layer + 1)
            pairs = [(i, i + d) for i in range(n) if not i & d]
        else:
            pairs = [(i, i + 1) for i in range(layer % 2, n - 1, 2)]
        for k, (i, j) in enumerate(pairs):
            c, s = np.cos(theta[layer, k]), np.sin(theta[layer, k])
            e = np.exp(1j * phi[layer, k]) if field == "complex" else 1
            F[i, i], F[i, j], F[j, i], F[j, j] = e * c, -e * s, s, c
        W = W @ F
    W = W @ D if diagonal == "last" else D @ W
    return W if field == "complex" else W.real


def loop(case, drive, theta, phi, omega, h0, bias, mask):
    """The states, with a dense matrix, one step after another."""
    field, activation, masked, *_ = case
    stacked = field == "complex"
    W = matrix(case, theta, phi, omega, drive.shape[-1])

    def number(x):
        return x[..., 0, :, :] + 1j * x[..., 1, :, :] if stacked else x

    def f(z):
        if activation == "modrelu":
            m = np.sqrt(abs(z) ** 2 + 1e-5) if stacked else abs(z)
            return z * np.divide(np.maximum(m + bias, 0), m, out=np.zeros_like(m), where=m != 0)
        part = {
            "relu": lambda x: np.maximum(x, 0),
            "leaky_relu": lambda x: np.maximum(x / 10, x),
            "tanh": np.tanh,
            "identity": lambda x: x,
        }[activation]
        return part(z.real) + 1j * part(z.imag) if stacked else part(z)

    h, states = number(h0), np.empty_like(drive)
    for t in range(len(drive)):
        new = f(h @ W + number(drive[t]))
        h = np.where(mask[t][:, None], new, h) if masked else new
        states[t] = np.stack([h.real, h.imag]) if stacked else h
    return states
