"""The recurrence of rotations on NumPy arrays: the batch divided over threads, a kernel in each."""

import ctypes
from functools import cache

import numpy as np

from unitarygraph.kernels.memory import prefer_huge_pages
from unitarygraph.kernels.records import record
from unitarygraph.kernels.rotation_kernels import (
    BACKWARD,
    FORWARD,
    backward_kernel,
    forward_kernel,
)
from unitarygraph.kernels.threads import row_blocks, run_in_threads

KERNELS = {"forward": forward_kernel, "backward": backward_kernel}
_C_FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


@cache
def kernel_of(direction, dtype, planes, activation):
    """A kernel as a C function of a record's address, which releases the GIL; and its owner."""
    compiled = KERNELS[direction](dtype, planes, activation)
    return _C_FUNCTION(compiled.address), compiled


def run_rows(direction, dtype, planes, activation, records):
    """Call a kernel once for each record, all at a time."""
    if records:
        kernel, _ = kernel_of(direction, dtype.type, planes, activation)
        run_in_threads(lambda given: kernel(given.ctypes.data), records)


def forward(op, inputs, outputs):
    """Fill states and moduli; arrays by name, all contiguous, absent ones None."""
    for result in outputs.values():
        if result is not inputs["drive"]:
            prefer_huge_pages(result)
    given, blocks = shared(op, inputs, inputs["drive"].shape)
    given |= outputs | {"drive": inputs["drive"]}
    records = [record(FORWARD, **given, first=first, last=end) for first, end in blocks]
    run_rows("forward", inputs["drive"].dtype, planes_of(op), op.activation, records)


def backward(op, inputs, outputs):
    """Fill the cotangents; arrays by name. ``drive_bar`` may be ``states_bar``."""
    if outputs["drive_bar"] is not inputs["states_bar"]:
        prefer_huge_pages(outputs["drive_bar"])
    given, blocks = shared(op, inputs, inputs["states"].shape)
    given |= {name: inputs[name] for name in ("states", "moduli", "states_bar")}
    given |= {name: outputs[name] for name in ("drive_bar", "h0_bar")}
    # Sums over samples: of each block its own.
    sums = {
        name: np.zeros((len(blocks), *outputs[name].shape))
        for name in ("theta_bar", "phi_bar", "omega_bar", "bias_bar")
    }
    records = [
        record(
            BACKWARD,
            **given | {name: parts[i] for name, parts in sums.items()},
            first=first,
            last=end,
        )
        for i, (first, end) in enumerate(blocks)
    ]
    run_rows("backward", inputs["states"].dtype, planes_of(op), op.activation, records)
    for name, parts in sums.items():
        outputs[name][...] = parts.sum(axis=0)


def planes_of(op):
    """2 in the complex field."""
    return 2 if op.field == "complex" else 1


def shared(op, inputs, shape):
    """What both records have, and the blocks of rows."""
    T, (B, n), theta = shape[0], shape[-2:], inputs["theta"]
    given = {name: inputs[name] for name in ("h0", "bias", "mask")} | {"phases": None}
    angles = [theta]
    if op.field == "complex":
        angles.append(inputs["phi"])
        given["phases"] = cosines_and_sines(inputs["omega"])
    given["coefficients"] = cosines_and_sines(*angles)
    given |= {"T": T, "B": B, "n": n, "layers": len(theta), "masked": inputs["mask"] is not None}
    given |= {"fft": op.style == "fft", "phases_first": op.diagonal == "first", "alive": 0}
    # A rotation and, at two coordinates of a step, the rest cost some ten multiplications each.
    work = 10 * planes_of(op) * T * B * (n // 2) * (len(theta) + 2)
    return given, row_blocks(B, work) if B and n else []


def cosines_and_sines(*angles):
    """Those of each of the angles, one behind another along a last axis."""
    return np.stack([f(a) for a in angles for f in (np.cos, np.sin)], axis=-1)
