"""Nonlinearities of the unitary-RNN lineage, as symbolic graphs on stacked complex and real tensors."""

import numpy as np
import pytensor.tensor as pt

MODRELU_EPS = 1e-5


def modrelu(z, bias, field="complex"):
    r"""ReLU of the modulus, the phase untouched.

    Complex, ``z`` stacked ``(..., 2, B, n)``: :math:`z \max(m + b, 0) / m` with
    :math:`m = \sqrt{|z|^2 + \epsilon}`, :math:`\epsilon` = 1e-5 inside the root so that the gradient
    at 0 is finite. Real, ``z`` ``(..., n)``: :math:`\operatorname{sign}(z) \max(|z| + b, 0)`.
    ``bias`` is ``(n,)``; the dtype is that of ``z``.

    Sources: Arjovsky, Shah, Bengio (2016), eq. 8; Lezcano-Casado, Martinez-Rubio (2019), real form.
    """
    if field == "real":
        return pt.sign(z) * pt.maximum(abs(z) + bias, 0)
    eps = np.asarray(MODRELU_EPS, dtype=z.dtype)
    m = pt.sqrt(pt.sum(z * z, axis=-3, keepdims=True) + eps)
    return z * (pt.maximum(m + bias, 0) / m)


def relu(z):
    """``max(z, 0)``; a stacked complex tensor is split into its real and imaginary part."""
    return pt.maximum(z, 0)


def tanh(z):
    """Hyperbolic tangent; a stacked complex tensor is split into its real and imaginary part."""
    return pt.tanh(z)


def identity(z):
    """``z`` itself: the linear recurrence."""
    return z


ACTIVATIONS = {"modrelu": modrelu, "relu": relu, "tanh": tanh, "identity": identity}


def activate(name, z, bias, field):
    """Apply the activation called ``name``; only ``modrelu`` reads ``bias`` and ``field``."""
    if name == "modrelu":
        return modrelu(z, bias, field=field)
    return ACTIVATIONS[name](z)
