"""Gated cells: value and gradient, and the training step against its bare matrix products."""

from dataclasses import replace

import numpy as np
import pytensor
import pytensor.tensor as pt
from threadpoolctl import ThreadpoolController

from benchmarks import floors, samples
from benchmarks.machine import have
from benchmarks.rows import faster, within
from benchmarks.timing import compare, require_agreement
from unitarygraph import nn
from unitarygraph.training.options import resolve
from unitarygraph.training.program import Program

# copying over 200 blanks, and its input
T, INPUT, HIDDEN, BATCH = 220, 10, 128, 128
CELLS = {"lstm": nn.LSTMCell, "gru": nn.GRUCell}
#: model -> columns, in multiples of n, of the matrices that a step multiplies with
PRODUCTS = {"lstm": (4,), "gru": (2, 1), "goru": (2, 1), "cgrnn": (1, 1)}
FLOOR = "bare products"


def cell_and_torch(name, steps, rng):
    """Callables of states and gradients to input and weights, ours and torch.nn's.

    PyTorch's LSTM has our weights; its GRU applies the reset gate after the product, so that only
    times are compared.
    """
    x = samples.normal(rng, (steps, BATCH, INPUT), "float32")
    g = samples.normal(rng, (steps, BATCH, HIDDEN), "float32")
    cell = CELLS[name](INPUT, HIDDEN, rng=0, dtype="float32")
    X, G = (pt.tensor(k, dtype="float32", shape=v.shape) for k, v in (("x", x), ("g", g)))
    states = cell(X)
    outputs = [states, *pytensor.grad((states * G).sum(), [X, *cell.params])]
    f = pytensor.function(
        [X, G], [pytensor.Out(v, borrow=True) for v in outputs], mode="KERNELS", trust_input=True
    )
    blas = ThreadpoolController().select(internal_api="openblas")

    def run():
        with blas.limit(limits=1):
            return f(x, g)

    found = {"unitarygraph": run}
    if have("torch"):
        from benchmarks import peers_torch

        values = {p.name: p.get_value() for p in cell.params}
        found["torch"] = peers_torch.gated(name, values, x, g)
        if name == "lstm":
            require_agreement(name, run()[:2], found["torch"]()[:2], 1e-3)
    return found


def products_of(name, steps):
    """Callable: the products of all steps with the weights of a model's training step."""
    rng = np.random.default_rng(0)
    dtype = "complex64" if name == "cgrnn" else "float32"
    drive = np.broadcast_to(np.zeros((), dtype), (steps, BATCH, HIDDEN))
    parts = [
        floors.recurrence(drive, samples.normal(rng, (HIDDEN, columns * HIDDEN), dtype))
        for columns in PRODUCTS[name]
    ]

    def run():
        for part in parts:
            part()

    return run


def training_step(name, delay):
    """Callable of a step as `unitarygraph train copying` makes it."""
    settings = resolve("copying", name, HIDDEN, assignments={"delay": delay, "batch": BATCH})
    with pytensor.config.change_flags(floatX="float32"):
        program = Program(settings)
        arrays = next(program.stream)
        program.step(*arrays)
    blas = ThreadpoolController().select(internal_api="openblas")

    def run():
        with blas.limit(limits=1):
            program.step(*arrays)

    return run


def run(quick=False):
    """Cells beside torch.nn's, then training steps beside their products."""
    rng = np.random.default_rng(0)
    steps, repeats = (30, 1) if quick else (T, 7)
    rows = []
    for name in list(CELLS)[:1] if quick else CELLS:
        case = f"{name}, T={steps}, n={HIDDEN}, B={BATCH}, float32"
        row = compare(case, cell_and_torch(name, steps, rng), repeats)
        rows.append(replace(row, targets=(faster(row, "torch"),)))
    for name in list(PRODUCTS)[:1] if quick else PRODUCTS:
        found = {"unitarygraph": training_step(name, steps - 20), FLOOR: products_of(name, steps)}
        case = f"{name}, training step, copying L={steps - 20}, n={HIDDEN}, B={BATCH}, float32"
        row = compare(case, found, repeats)
        rows.append(replace(row, targets=(within(row, FLOOR, 1.5),)))
    return rows
