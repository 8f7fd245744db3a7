"""The recurrence and its gradient on NumPy arrays: the batch divided over threads, a kernel in each."""

import ctypes
from functools import cache

import numpy as np

from unitarygraph.kernels import recurrence_complex, recurrence_inverse, recurrence_real
from unitarygraph.kernels.memory import prefer_huge_pages
from unitarygraph.kernels.records import record
from unitarygraph.kernels.recurrence_real import BACKWARD, FORWARD
from unitarygraph.kernels.threads import row_blocks, run_in_threads

KERNELS = {
    ("forward", "real"): recurrence_real.forward_kernel,
    ("forward", "complex"): recurrence_complex.forward_kernel,
    ("backward", "real"): recurrence_real.backward_kernel,
    ("backward", "complex"): recurrence_complex.backward_kernel,
    ("inverse", "real"): recurrence_inverse.inverse_kernel_real,
    ("inverse", "complex"): recurrence_inverse.inverse_kernel_complex,
}
_C_FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


@cache
def kernel_of(direction, field, dtype, activation):
    """A kernel as a C function of a record's address, which releases the GIL; and its owner."""
    compiled = KERNELS[direction, field](dtype, activation)
    return _C_FUNCTION(compiled.address), compiled


def run_rows(direction, field, dtype, activation, records):
    """Call a kernel once for each record, all at a time."""
    if records:
        kernel, _ = kernel_of(direction, field, dtype.type, activation)
        run_in_threads(lambda given: kernel(given.ctypes.data), records)


def forward(field, activation, drive, W, h0, bias, mask, states, last, moduli):
    """Fill ``states``, ``last`` and ``moduli``; all arrays contiguous, ``bias`` and ``mask`` may be None.

    ``states`` may be ``drive``.
    """
    T, (B, n) = len(drive), drive.shape[-2:]
    if states is not drive:
        prefer_huge_pages(states)
    W = products(field, W)
    if field == "complex":
        prefer_huge_pages(moduli)
    given = {"drive": drive, "W": W, "h0": h0, "bias": bias, "mask": mask, "states": states}
    given |= {"moduli": moduli, "T": T, "B": B, "n": n, "masked": mask is not None}
    blocks = row_blocks(B, T * B * n * n) if B and n else []
    records = [record(FORWARD, **given, first=first, last=end, alive=0) for first, end in blocks]
    run_rows("forward", field, drive.dtype, activation, records)
    last[...] = states[-1] if T else h0


def backward(field, activation, W, h0, bias, mask, states, moduli, states_bar, last_bar, *results):
    """Fill ``drive_bar, W_bar, h0_bar, bias_bar``; bias, mask and cotangents may be None.

    ``drive_bar`` may be ``states_bar``. Without a bias there is none to fill.
    """
    drive_bar, W_bar, h0_bar, bias_bar = results
    T, (B, n) = len(states), states.shape[-2:]
    if states_bar is not drive_bar:
        prefer_huge_pages(drive_bar)
    W = adjoint_products(field, W)
    given = {"W": W, "h0": h0, "bias": bias, "mask": mask, "states": states, "moduli": moduli}
    given |= {"states_bar": states_bar, "last_bar": last_bar}
    given |= {"drive_bar": drive_bar, "h0_bar": h0_bar, "T": T, "B": B, "n": n}
    given |= {"masked": mask is not None, "from_states": states_bar is not None}
    given["from_last"] = last_bar is not None
    blocks = row_blocks(B, 2 * T * B * n * n) if B and n else []
    # Sums over samples: of each block its own.
    W_parts, bias_parts = np.zeros((len(blocks), *W.shape), W.dtype), np.zeros((len(blocks), n))
    records = [
        record(BACKWARD, **given, W_bar=part, bias_bar=bias_part, first=first, last=end, alive=0)
        for part, bias_part, (first, end) in zip(W_parts, bias_parts, blocks, strict=True)
    ]
    run_rows("backward", field, W.dtype, activation, records)
    fill_total(field, W_bar, W_parts)
    if bias is not None:
        bias_bar[...] = bias_parts.sum(axis=0)


def products(field, W):
    """The matrices whose products the forward kernel makes of h W."""
    return np.stack([W[0], W[1], W[0] + W[1]]) if field == "complex" else W


def adjoint_products(field, W):
    """Those of z W^H."""
    return np.stack([W[0], W[1], W[0] - W[1]]) if field == "complex" else W


def fill_total(field, W_bar, parts):
    """The gradient of W from what the backward kernels summed."""
    total = parts.sum(axis=0)
    if field == "complex":
        p, q, r = total
        W_bar[0], W_bar[1] = p + q, r - p + q
    else:
        W_bar[...] = total
