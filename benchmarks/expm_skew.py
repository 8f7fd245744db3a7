"""exp of skew-Hermitian and real skew-symmetric matrices, with gradient."""

from dataclasses import replace

import numpy as np

import unitarygraph as ug
from benchmarks import floors, ours, samples
from benchmarks.machine import have
from benchmarks.rows import faster, within
from benchmarks.timing import compare, require_agreement

DTYPES = ("complex64", "complex128", "float32", "float64")
SIZES = (64, 190, 512)
FLOOR = "eigh + 5 complex products"


def contenders(n, dtype, rng):
    """Callables for ours, PyTorch's and the floor, agreement checked.

    Ours is the gradient within the skew-Hermitian matrices: the same along every one of them.
    """
    a, g = samples.skew_hermitian(rng, n, dtype), samples.normal(rng, (n, n), dtype)
    field = "complex" if np.iscomplexobj(a) else "real"
    found = {
        "unitarygraph": ours.value_and_gradient(
            lambda A: ug.expm(A, skew_hermitian=True, field=field), a, g
        )
    }
    value, gradient = (ours.load(x, a) for x in found["unitarygraph"]())
    rtol = 1e4 * np.finfo(dtype).eps
    if have("torch"):
        import torch

        from benchmarks import peers_torch

        found["torch"] = peers_torch.value_and_gradient(torch.linalg.matrix_exp, a, g)
        u, theirs = found["torch"]()
        theirs = (theirs - theirs.conj().T) / 2
        require_agreement(f"n={n} {dtype}", (value, gradient), (u, theirs), rtol)
        if field == "real":
            found["torch orthogonal"] = peers_torch.orthogonal(a, g)
            require_agreement(f"n={n} {dtype}", [value], [found["torch orthogonal"]()[0]], rtol)
    found[FLOOR] = floors.eigenvectors_and_products(a)
    return found


def run(quick=False):
    """Rows of all dtypes and sizes."""
    rng = np.random.default_rng(0)
    rows = []
    for dtype in DTYPES:
        for n in SIZES[:1] if quick else SIZES:
            repeats = 1 if quick else 5 if n > 200 else 11
            case = f"n={n}, {dtype}"
            row = compare(case, contenders(n, dtype, rng), repeats, series=dtype, axis="n", at=n)
            if n > 64 and dtype.startswith("complex"):
                row = replace(row, targets=(faster(row, "torch", 9), within(row, FLOOR, 1.3)))
            elif n > 64:
                row = replace(row, targets=(faster(row, "torch", 4),))
            rows.append(row)
    return rows
