"""A whole training step of exprnn on copying, complex and real."""

from dataclasses import replace

import numpy as np
from threadpoolctl import ThreadpoolController

from benchmarks import ours
from benchmarks.machine import have
from benchmarks.rows import faster
from benchmarks.timing import compare, require_agreement

DELAY, HIDDEN, BATCH = 1000, 190, 128
LIMITS = {"complex": 2, "real": 1.6}


def one_blas_thread(step, arrays):
    """Callable of a step as `unitarygraph train` makes it: OpenBLAS on one thread, rows on all.

    PyTorch's MKL is left alone.
    """
    blas = ThreadpoolController().select(internal_api="openblas")

    def run():
        with blas.limit(limits=1):
            return step(*arrays)

    return run


def run(quick=False):
    """A row a field: the whole step, data on both sides alike."""
    delay = 100 if quick else DELAY
    rows = []
    for field, limit in LIMITS.items():
        model, arrays, step = ours.copying_step(field, delay, HIDDEN, BATCH)
        values = {p.name: np.array(p.get_value()) for p in model.params}
        found = {"unitarygraph": one_blas_thread(step, arrays)}
        if have("torch"):
            from benchmarks import peers_torch

            found["torch"] = peers_torch.copying_step(values, arrays)
            for number in (1, 2):
                both = [[np.array(run())] for run in found.values()]
                require_agreement(f"loss of step {number}, {field}", *both, 1e-4)
        case = f"exprnn {field}, copying L={delay}, n={HIDDEN}, B={BATCH}, float32"
        row = compare(case, found, 1 if quick else 7)
        rows.append(replace(row, targets=(faster(row, "torch", limit),)))
    return rows
