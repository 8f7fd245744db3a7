"""Gated recurrences and their gradients on NumPy arrays: the batch divided over threads."""

import ctypes
from functools import cache

import numpy as np

from unitarygraph.kernels import lstm, two_gates
from unitarygraph.kernels.complex_activations import NAMES
from unitarygraph.kernels.lstm import BACKWARD, FORWARD
from unitarygraph.kernels.memory import prefer_huge_pages
from unitarygraph.kernels.records import record
from unitarygraph.kernels.threads import row_blocks, run_in_threads

_C_FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


@cache
def kernel_of(direction, cell, dtype):
    """A kernel as a C function of a record's address, which releases the GIL; and its owner."""
    if cell == "lstm":
        compiled = getattr(lstm, f"{direction}_kernel")(dtype)
    else:
        compiled = getattr(two_gates, f"{direction}_kernel")(dtype, cell)
    return _C_FUNCTION(compiled.address), compiled


def run_rows(direction, cell, dtype, records):
    """Call a kernel once for each record, all at a time."""
    if records:
        kernel, _ = kernel_of(direction, cell, dtype.type)
        run_in_threads(lambda given: kernel(given.ctypes.data), records)


def forward(cell, activation, inputs, outputs):
    """Fill the outputs; arrays by name, all contiguous, absent ones None.

    ``gates`` may be ``drive``.
    """
    T, B, *_, n = inputs["drive"].shape
    for result in outputs.values():
        if result is not inputs["drive"]:
            prefer_huge_pages(result)
    given = inputs | outputs | {"T": T, "B": B, "n": n, "masked": inputs["mask"] is not None}
    given["activation"] = NAMES.index(activation)
    blocks = row_blocks(B, T * B * inputs["W"].size) if B and n else []
    records = [record(FORWARD, **given, first=first, last=end, alive=0) for first, end in blocks]
    run_rows("forward", cell, inputs["drive"].dtype, records)


def backward(cell, activation, inputs, outputs):
    """Fill the cotangents; arrays by name, as in `forward`. ``drive_bar`` may be ``gates``."""
    T, B, *_, n = inputs["gates"].shape
    if outputs["drive_bar"] is not inputs["gates"]:
        prefer_huge_pages(outputs["drive_bar"])
    given = inputs | outputs | {"T": T, "B": B, "n": n, "masked": inputs["mask"] is not None}
    given["activation"] = NAMES.index(activation)
    blocks = row_blocks(B, 2 * T * B * inputs["W"].size) if B and n else []
    # Sums over samples: of each block its own, of the short ones in double.
    sums = {
        name: np.zeros(
            (len(blocks), *outputs[name].shape),
            "float64" if name in ("bias_bar", "offset_bar") else outputs[name].dtype,
        )
        for name in ("W_bar", "U_bar", "bias_bar", "offset_bar")
    }
    records = [
        record(
            BACKWARD,
            **given | {name: parts[i] for name, parts in sums.items()},
            first=first,
            last=end,
            alive=0,
        )
        for i, (first, end) in enumerate(blocks)
    ]
    run_rows("backward", cell, inputs["gates"].dtype, records)
    for name, parts in sums.items():
        outputs[name][...] = parts.sum(axis=0)
