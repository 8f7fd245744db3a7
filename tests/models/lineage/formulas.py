"""What the NumPy references of the models share: complex values, time, modReLU, readout."""

import numpy as np


def complex_of(a):
    """Complex array of a stored value ``(2, ...)``."""
    return a[0] + 1j * a[1]


def value_of(p, name, field):
    """Parameter as the formula has it."""
    return complex_of(p[name]) if field == "complex" else p[name]


def modrelu(z, bias):
    """ReLU of the modulus; of a complex z with 1e-5 under the root."""
    m = np.sqrt(np.abs(z) ** 2 + 1e-5) if np.iscomplexobj(z) else np.abs(z)
    return z / np.where(m == 0, 1, m) * np.maximum(m + bias, 0)


def sigmoid(z):
    """Logistic function."""
    return 1 / (1 + np.exp(-z))


def through_time(step, x, mask, *starts):
    """First state of each step's ``step(x_t, *states)``; where the mask is 0 states stand still."""
    states = [np.broadcast_to(s, (x.shape[1], s.shape[-1])) for s in starts]
    kept = []
    for x_t, m in zip(x, mask, strict=True):
        new = step(x_t, *states)
        new = new if isinstance(new, tuple) else (new,)
        keep = m[:, None] != 0
        states = [np.where(keep, a, b) for a, b in zip(new, states, strict=True)]
        kept.append(states[0])
    return np.stack(kept)


def read_out(p, h):
    """[Re h; Im h] U + c, or h U + c."""
    features = np.concatenate([h.real, h.imag], axis=-1) if np.iscomplexobj(h) else h
    return features @ p["U"] + p["c"]


def additive(f):
    """f(z + b), in the place of modReLU."""
    return lambda z, bias: f(z + bias)


def leaky_relu(z):
    """Slope 0.1 below zero."""
    return np.where(z > 0, z, 0.1 * z)


def one_matrix(p, x, mask, W, field, h0=None, f=modrelu):
    """Outputs of h_t = f(h_{t-1} W + x_t V)."""
    V = value_of(p, "V", field)
    start = np.zeros(W.shape[0], W.dtype) if h0 is None else h0
    return read_out(p, through_time(lambda x_t, h: f(h @ W + x_t @ V, p["b"]), x, mask, start))


def cayley_of(A):
    """(I + A)^{-1} (I - A)."""
    identity = np.eye(len(A))
    return np.linalg.solve(identity + A, identity - A)


def skew_of(upper):
    """Skew-Hermitian matrix of the upper triangle in which it is stored."""
    a = np.triu(upper, 1)
    return a - a.conj().T + 1j * np.diag(np.diagonal(upper).imag) if np.iscomplexobj(a) else a - a.T


def free_skew(n, field):
    """Free real parameters of a skew-Hermitian (real: skew) matrix."""
    return n * n if field == "complex" else n * (n - 1) // 2


def ends(m, n, k, field):
    """Parameters of V, b, U and c."""
    planes = 2 if field == "complex" else 1
    return planes * m * n + n + planes * n * k + k
