"""The recurrence and its gradient as plain NumPy loops: what tests judge the compiled ones by.

A complex cotangent is dL/dRe + i dL/dIm, so a product h W sends z_bar back as z_bar W^H.
"""

import numpy as np

from unitarygraph.ops.activations import MODRELU_EPS, RECURRENT


def forward(drive, W, h0, bias, mask, activation):
    """States ``(T, ..., B, n)`` and, for the complex modReLU, moduli ``(T, B, n)``."""
    stacked = W.ndim == 3
    W, h = field_array(W, stacked), field_array(h0, stacked)
    states = np.empty(drive.shape, drive.dtype)
    keeps_moduli = stacked and activation == "modrelu"
    moduli = np.empty((len(drive), *h.shape) if keeps_moduli else (0, 0, 0), drive.dtype)
    for t in range(len(drive)):
        z = h @ W + field_array(drive[t], stacked)
        if keeps_moduli:
            moduli[t] = np.sqrt(z.real**2 + z.imag**2 + drive.dtype.type(MODRELU_EPS))
            f = z * (np.maximum(moduli[t] + bias, 0) / moduli[t])
        else:
            f = split(lambda x: RECURRENT[activation].value(np, x, bias), z)
        h = f if mask is None else np.where(mask[t][:, None], f, h)
        states[t] = stack(h, stacked)
    return states, moduli


def backward(W, h0, bias, mask, states, moduli, states_bar, last_bar, activation):
    """Cotangents of drive, W, h0 and bias; ``mask``, ``states_bar``, ``last_bar`` may be None."""
    stacked = W.ndim == 3
    W, h0 = field_array(W, stacked), field_array(h0, stacked)
    drive_bar = np.empty(states.shape, states.dtype)
    W_bar, bias_bar = np.zeros_like(W), np.zeros_like(bias)
    h_bar = np.zeros_like(h0) if last_bar is None else field_array(last_bar, stacked)
    for t in reversed(range(len(states))):
        if states_bar is not None:
            h_bar = h_bar + field_array(states_bar[t], stacked)
        h = field_array(states[t], stacked)
        if activation != "modrelu":
            z_bar = split(lambda *x: RECURRENT[activation].slope(np, *x), h, h_bar)
        else:
            if stacked:
                m = moduli[t]
                alive = ~(m + bias <= 0)
                scale = np.where(alive, m + bias, 1) / m
                # z = h / scale; d modrelu: s z_bar - b/m^3 z Re(conj(z) h_bar), zero where dead
                along = (h.real * h_bar.real + h.imag * h_bar.imag) / (scale * m)
                z_bar = np.where(alive, scale * h_bar - bias / m**2 * (h / scale) * along, 0)
                b_bar = np.where(alive, along, 0)
            else:
                z_bar = RECURRENT[activation].slope(np, h, h_bar)
                b_bar = np.sign(h) * h_bar
            bias_bar += np.sum(b_bar, axis=0, where=True if mask is None else mask[t][:, None])
        if mask is not None:
            z_bar = np.where(mask[t][:, None], z_bar, 0)
        drive_bar[t] = stack(z_bar, stacked)
        before = field_array(states[t - 1], stacked) if t else h0
        W_bar += before.conj().T @ z_bar
        through = z_bar @ W.conj().T
        h_bar = through if mask is None else np.where(mask[t][:, None], through, h_bar)
    return drive_bar, stack(W_bar, stacked), stack(h_bar, stacked), bias_bar


def split(f, *arrays):
    """``f`` on real arrays, or on real and imaginary parts apart."""
    if not np.iscomplexobj(arrays[0]):
        return f(*arrays)
    re, im = f(*(a.real for a in arrays)), f(*(a.imag for a in arrays))
    return np.stack([re, im], axis=-1).view(arrays[0].dtype)[..., 0]


def field_array(a, stacked):
    """Complex array of a stacked one; a real one as it is."""
    if not stacked:
        return a
    z = np.empty((a.shape[-2], a.shape[-1]), np.result_type(a.dtype, np.complex64))
    z.real, z.imag = a[0], a[1]
    return z


def stack(z, stacked):
    """Inverse of `field_array`."""
    return np.stack([z.real, z.imag]) if stacked else z
