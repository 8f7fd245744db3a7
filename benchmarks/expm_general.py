"""exp of general complex matrices, with gradient."""

from dataclasses import replace

import numpy as np

import unitarygraph as ug
from benchmarks import floors, ours, samples
from benchmarks.machine import have
from benchmarks.rows import Target, faster
from benchmarks.timing import compare, require_agreement

DTYPES = ("complex64", "complex128")
SIZES = (64, 128, 190, 256, 512)


def contenders(n, dtype, rng):
    """Callables for ours, ours in parts, PyTorch's and a bare product, agreement checked."""
    a, g = samples.general(rng, n, dtype), samples.normal(rng, (n, n), dtype)

    def exp(A):
        return ug.expm(A, skew_hermitian=False, field="complex")

    found = {
        "unitarygraph": ours.value_and_gradient(exp, a, g),
        "our value": ours.value_and_gradient(exp, a, g, ["value"]),
        "our gradient": ours.value_and_gradient(exp, a, g, ["gradient"]),
    }
    both = [ours.load(x, a) for x in found["unitarygraph"]()]
    if have("torch"):
        import torch

        from benchmarks import peers_torch

        found["torch"] = peers_torch.value_and_gradient(torch.linalg.matrix_exp, a, g)
        rtol = 1e4 * np.finfo(dtype).eps
        require_agreement(f"n={n} {dtype}", both, found["torch"](), rtol)
    found["8 products"] = floors.products(8, n, dtype)
    return found


def run(quick=False):
    """Rows of all dtypes and sizes; the gradient alone is held against the value alone."""
    rng = np.random.default_rng(0)
    rows = []
    for dtype in DTYPES:
        for n in SIZES[:1] if quick else SIZES:
            repeats = 1 if quick else 3 if n > 200 else 9
            case = f"n={n}, {dtype}"
            row = compare(case, contenders(n, dtype, rng), repeats, series=dtype, axis="n", at=n)
            parts = row.medians["our gradient"] / row.medians["our value"]
            passes = Target("gradient at most 3.2x the forward pass", parts, 3.2, at_most=True)
            rows.append(replace(row, targets=(faster(row, "torch", 3), passes)))
    return rows
